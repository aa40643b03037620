// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/message/catalogue"
)

func restrictedMessage(texts map[string]usherv1.RestrictedMessage) func(*usherv1.PlanSpec) {
	return func(s *usherv1.PlanSpec) { s.RestrictedMessage = texts }
}
func inLanguage(language usherv1.Language) func(*usherv1.Member) {
	return func(m *usherv1.Member) { m.Spec.Language = language }
}
func active(rights ...usherv1.Right) func(*usherv1.Member) {
	return func(m *usherv1.Member) {
		m.Status.State, m.Status.Rights = usherv1.ObservedActive, rights
	}
}

func TestRestricted(t *testing.T) {
	withOwner := func(a *usherv1.Account) {
		a.Status.Owner = &usherv1.AccountOwner{Name: "ada", Email: "ada@acme.example"}
	}
	withContact := func(a *usherv1.Account) { a.Spec.Contact = &usherv1.AccountContact{Email: "it@acme.example"} }
	french := func(a *usherv1.Account) { a.Spec.Language = "fr" }
	three := restrictedMessage(map[string]usherv1.RestrictedMessage{
		"en-GB": "Contact {owner}.", "fr": "Contactez {owner}.", "it": "{owner}! {owner}!",
	})
	tests := []struct {
		name    string
		plan    *usherv1.Plan
		member  *usherv1.Member
		account []func(*usherv1.Account)
		want    string
	}{
		{name: "has the right", plan: proPlan(three), member: member("bob", active("orders:place"))},
		{name: "has another right", plan: proPlan(three), member: member("bob", active("invoices:view")), want: "Contact ada@acme.example."},
		{
			name: "had the right", plan: proPlan(three), want: "Contact ada@acme.example.",
			member: member("bob", active("orders:place"), func(m *usherv1.Member) { m.Status.State = usherv1.ObservedDisabled }),
		},
		{
			name: "in the member's language", plan: proPlan(three), member: member("bob", active(), inLanguage("it")),
			account: []func(*usherv1.Account){french}, want: "ada@acme.example! ada@acme.example!",
		},
		{
			name: "in the account's language", plan: proPlan(three), member: member("bob", active(), inLanguage("nl")),
			account: []func(*usherv1.Account){french}, want: "Contactez ada@acme.example.",
		},
		{name: "in en-GB", plan: proPlan(three), member: member("bob", active(), inLanguage("nl")), want: "Contact ada@acme.example."},
		{
			name:   "in any language",
			plan:   proPlan(restrictedMessage(map[string]usherv1.RestrictedMessage{"fr": "Contactez {owner}.", "de": "Fragen Sie {owner}."})),
			member: member("bob", active(), inLanguage("nl")), want: "Fragen Sie ada@acme.example.",
		},
		{
			name: "Usher's text", plan: proPlan(), member: member("bob", active()), account: []func(*usherv1.Account){french},
			want: "Vous n’êtes pas autorisé à faire cela. Veuillez contacter ada@acme.example.",
		},
		{
			name: "Usher's text, because the plan does not exist", member: member("bob", active()),
			want: "You do not have permission to do this. Please contact ada@acme.example.",
		},
		{
			name: "no owner", plan: proPlan(three), member: member("bob", active()), want: "Contact it@acme.example.",
			account: []func(*usherv1.Account){func(a *usherv1.Account) { a.Status.Owner = nil }, withContact},
		},
		{
			name: "an owner and a contact", plan: proPlan(three), member: member("bob", active()), account: []func(*usherv1.Account){withContact},
			want: "Contact ada@acme.example.",
		},
		{
			name: "no owner and no contact", plan: proPlan(three), member: member("bob", active()), want: "Contact Acme SAS.",
			account: []func(*usherv1.Account){func(a *usherv1.Account) { a.Status.Owner = nil }},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := account()
			a.Spec.DisplayName = "Acme SAS"
			withOwner(a)
			for _, edit := range tt.account {
				edit(a)
			}
			NewWithT(t).Expect(For(a, tt.plan).Restricted("orders:place", tt.member, a)).To(Equal(tt.want))
		})
	}
}

func TestRestrictedTextInEveryLanguage(t *testing.T) {
	g := NewWithT(t)
	languages := catalogue.All().Tags()
	for _, language := range languages {
		g.Expect(string(restricted[language])).To(ContainSubstring(ownerPlaceholder), "%s", language)
	}
	g.Expect(restricted).To(HaveLen(len(languages)))
}
