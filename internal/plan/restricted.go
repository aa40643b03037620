// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/message/catalogue"
)

// ownerPlaceholder in a message is where the address of whom to ask goes.
const ownerPlaceholder = "{owner}"

// restricted holds Usher's own text by language, for a plan without a restrictedMessage.
var restricted = func() map[usherv1.Language]usherv1.RestrictedMessage {
	texts := map[usherv1.Language]usherv1.RestrictedMessage{}
	for language, c := range catalogue.All() {
		texts[language] = usherv1.RestrictedMessage(c.Restricted)
	}
	return texts
}()

// Restricted is what a Member reads who asks for a right that it lacks; empty if it has the right. The words are the plan's
// restrictedMessage, in the Member's language, else its account's, else en-GB, else the first there is; without any, they are
// Usher's own. They name the account's owner by its address, else the company's contact, else the company.
func (t Terms) Restricted(right usherv1.Right, m *usherv1.Member, account *usherv1.Account) string {
	if m.Status.State == usherv1.ObservedActive && slices.Contains(m.Status.Rights, right) {
		return ""
	}
	words := restricted
	if len(t.spec.RestrictedMessage) > 0 {
		words = map[usherv1.Language]usherv1.RestrictedMessage{}
		for language, text := range t.spec.RestrictedMessage {
			words[usherv1.Language(language)] = text
		}
	}
	text := words[slices.Min(slices.Collect(maps.Keys(words)))]
	for _, language := range []usherv1.Language{m.Spec.Language, account.Spec.Language, usherv1.DefaultLanguage} {
		if found, is := words[language]; is {
			text = found
			break
		}
	}
	return strings.ReplaceAll(string(text), ownerPlaceholder, whomToAsk(account))
}

func whomToAsk(account *usherv1.Account) string {
	var owner, contact string
	if account.Status.Owner != nil {
		owner = account.Status.Owner.Email
	}
	if account.Spec.Contact != nil {
		contact = string(account.Spec.Contact.Email)
	}
	return cmp.Or(owner, contact, string(account.Spec.DisplayName))
}
