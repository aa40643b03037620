// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package products_test

import (
	"net/url"
	"testing"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/testkit"
)

func TestSophia(t *testing.T) {
	play(t, "SO1 the company frame; its first user becomes manager", "sophia", func(w *world) {
		w.declare("ada")
		w.accept("ada")
		w.are(beActive, "ada")
		w.declare("bob", immediate)
		w.are(beImported, "bob")
		shown := w.get("members")
		w.Expect(shown["ada"]).To(HaveKeyWithValue("ROLE", "manager"))
		w.Expect(shown["bob"]).To(HaveKeyWithValue("ROLE", "user"))
		await(w, testkit.Account(w.account).Build(), HaveField("Status.Owner", HaveValue(Equal(usherv1.AccountOwner{Name: "ada", Email: w.address("ada")}))))
	})

	play(t, "SO5 mail with a confirmation link; form: salutation, phone, password; then the account is active", "sophia", func(w *world) {
		w.declare("ada")
		w.are(beInvited, "ada")
		w.Expect(w.mails("ada", 1)[0].Text).To(ContainSubstring(w.link("ada")))
		w.accept("ada", url.Values{"salutation": {"Mx"}, "given_name": {"Ada"}, "family_name": {"Lovelace"}, "phone": {"+33 1 23 45 67 89"}})
		w.are(beActive, "ada")
		w.Expect(w.credentials("ada")).To(And(HaveKeyWithValue("salutation", "Mx"), HaveKeyWithValue("phone", "+33 1 23 45 67 89")))
		w.expectPassword("ada", password)
		w.Expect(w.member("ada").Status.DisplayName).To(Equal("Ada Lovelace"))
		await(w, testkit.Account(w.account).Build(), testkit.HaveCondition(usherv1.ConditionActive, "True"))
	})

}
