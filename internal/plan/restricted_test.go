// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/message/catalogue"
)

func saying(texts map[string]usherv1.RestrictedMessage) func(*usherv1.PlanSpec) {
	return func(s *usherv1.PlanSpec) { s.RestrictedMessage = texts }
}
func speaking(language usherv1.Language) func(*usherv1.Member) {
	return func(m *usherv1.Member) { m.Spec.Language = language }
}
func active(rights ...usherv1.Right) func(*usherv1.Member) {
	return func(m *usherv1.Member) {
		m.Status.State, m.Status.Rights = usherv1.ObservedActive, rights
	}
}

func TestRestricted(t *testing.T) {
	owned := func(a *usherv1.Account) {
		a.Status.Owner = &usherv1.AccountOwner{Name: "ada", Email: "ada@acme.example"}
	}
	reached := func(a *usherv1.Account) { a.Spec.Contact = &usherv1.AccountContact{Email: "it@acme.example"} }
	french := func(a *usherv1.Account) { a.Spec.Language = "fr" }
	three := saying(map[string]usherv1.RestrictedMessage{"en-GB": "Contact {owner}.", "fr": "Contactez {owner}.", "it": "{owner}! {owner}!"})
	tests := []struct {
		name    string
		plan    *usherv1.Plan
		member  *usherv1.Member
		account []func(*usherv1.Account)
		want    string
	}{
		{name: "who has the right", plan: tier(three), member: member("bob", active("orders:place"))},
		{name: "who has another", plan: tier(three), member: member("bob", active("invoices:view")), want: "Contact ada@acme.example."},
		{
			name: "who had it", plan: tier(three), want: "Contact ada@acme.example.",
			member: member("bob", active("orders:place"), func(m *usherv1.Member) { m.Status.State = usherv1.ObservedDisabled }),
		},
		{name: "in the member's language", plan: tier(three), member: member("bob", active(), speaking("it")), account: []func(*usherv1.Account){french}, want: "ada@acme.example! ada@acme.example!"},
		{name: "in the account's", plan: tier(three), member: member("bob", active(), speaking("nl")), account: []func(*usherv1.Account){french}, want: "Contactez ada@acme.example."},
		{name: "in en-GB", plan: tier(three), member: member("bob", active(), speaking("nl")), want: "Contact ada@acme.example."},
		{
			name: "in any", plan: tier(saying(map[string]usherv1.RestrictedMessage{"fr": "Contactez {owner}.", "de": "Fragen Sie {owner}."})),
			member: member("bob", active(), speaking("nl")), want: "Fragen Sie ada@acme.example.",
		},
		{
			name: "Usher's own words", plan: tier(), member: member("bob", active()), account: []func(*usherv1.Account){french},
			want: "Vous n’êtes pas autorisé à faire cela. Veuillez contacter ada@acme.example.",
		},
		{
			name: "Usher's own words, as the plan is not there", member: member("bob", active()),
			want: "You do not have permission to do this. Please contact ada@acme.example.",
		},
		{
			name: "no owner", plan: tier(three), member: member("bob", active()), want: "Contact it@acme.example.",
			account: []func(*usherv1.Account){func(a *usherv1.Account) { a.Status.Owner = nil }, reached},
		},
		{name: "an owner and a contact", plan: tier(three), member: member("bob", active()), account: []func(*usherv1.Account){reached}, want: "Contact ada@acme.example."},
		{
			name: "nobody", plan: tier(three), member: member("bob", active()), want: "Contact Acme SAS.",
			account: []func(*usherv1.Account){func(a *usherv1.Account) { a.Status.Owner = nil }},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := account()
			a.Spec.DisplayName = "Acme SAS"
			owned(a)
			for _, edit := range tt.account {
				edit(a)
			}
			NewWithT(t).Expect(For(a, tt.plan).Restricted("orders:place", tt.member, a)).To(Equal(tt.want))
		})
	}
}

func TestOwnWordsAreInEveryLanguage(t *testing.T) {
	g := NewWithT(t)
	languages := catalogue.All().Tags()
	for _, language := range languages {
		g.Expect(string(restricted[language])).To(ContainSubstring(ownerPlaceholder), "%s", language)
	}
	g.Expect(restricted).To(HaveLen(len(languages)))
}
