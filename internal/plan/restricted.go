// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// ownerPlaceholder in a message is where the address of whom to ask goes.
const ownerPlaceholder = "{owner}"

// restricted is what somebody reads who lacks a right, where the plan has no words for it.
var restricted = map[usherv1.Language]usherv1.RestrictedMessage{
	"de":    "Dafür fehlt Ihnen die Berechtigung. Bitte wenden Sie sich an {owner}.",
	"en-GB": "You do not have permission to do this. Please contact {owner}.",
	"en-US": "You do not have permission to do this. Please contact {owner}.",
	"es":    "No tiene permiso para hacer esto. Póngase en contacto con {owner}.",
	"fr":    "Vous n’êtes pas autorisé à faire cela. Veuillez contacter {owner}.",
	"it":    "Non dispone dell’autorizzazione necessaria. Si rivolga a {owner}.",
	"nl":    "U bent hiertoe niet bevoegd. Neem contact op met {owner}.",
}

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
