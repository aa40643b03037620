// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package products_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
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

	play(t, "SO2 managers add and remove users themselves", "sophia", func(w *world) {
		w.declare("ada", immediate)
		w.declare("bob", immediate)
		w.are(beImported, "ada", "bob")
		file := w.file(w.yamlOf("carol", immediate))
		w.Eventually(func() error { _, err := w.as("ada", "apply", "--filename", file); return err }).Should(Succeed())
		w.are(beImported, "carol")
		out, err := w.as("bob", "delete", "member", "carol", "--wait=false")
		w.Expect(err).To(HaveOccurred())
		w.Expect(out).To(forbidden)
		_, err = w.as("ada", "delete", "member", "carol", "--wait=false")
		w.Expect(err).NotTo(HaveOccurred())
		awaitGone(w, testkit.Member("carol").Build())
	})

	play(t, "SO3 a removed user stays visible; the account no longer works", "sophia", func(w *world) {
		w.declare("ada", immediate)
		w.are(beImported, "ada")
		w.declare("bob", "givenName: Bob", "familyName: Roberts", `rights: ["orders:place"]`)
		w.accept("bob")
		w.are(beActive, "bob")
		w.awaitRights("bob", "orders:place")
		w.kubectl("delete", "member", "bob", "--wait=false")
		awaitGone(w, testkit.Member("bob").Build())
		await(w, testkit.Account(w.account).Build(), HaveField("Status.FormerMembers", ContainElement(And(
			HaveField("Name", "bob"), HaveField("Email", w.address("bob")), HaveField("Role", "user"),
			HaveField("DeletedAt.Time", Not(BeZero())),
		))))
		w.awaitRights("bob")
		w.Expect(w.credentials("bob")).To(BeNil())
		w.Expect(w.visit(w.link("bob"), nil).Status).To(Or(Equal(http.StatusNotFound), Equal(http.StatusGone)))
	})

	play(t, "SO4 invite with given name, family name, e-mail and rights", "sophia", func(w *world) {
		w.declare("ada", immediate)
		w.are(beImported, "ada")
		w.declare("bob", "givenName: Bob", "familyName: Roberts", `rights: ["orders:place"]`)
		w.are(beInvited, "bob")
		w.Expect(w.visit(w.link("bob"), nil).Body).To(And(ContainSubstring(`value="Bob"`), ContainSubstring(`value="Roberts"`)))
		w.Expect(w.get("members", "--output=custom-columns=NAME:.metadata.name,IS:.status.displayName,RIGHTS:.status.rights")["bob"]).To(
			And(HaveKeyWithValue("IS", "Bob Roberts"), HaveKeyWithValue("RIGHTS", "[orders:place]")))
		w.awaitRights("bob") // not before they have accepted
		w.accept("bob")
		w.are(beActive, "bob")
		w.awaitRights("bob", "orders:place")
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

	play(t, "SO6 three rights, each on or off per user: change rights, place orders, see invoices", "sophia", func(w *world) {
		w.declare("a-manager", immediate)
		w.are(beImported, "a-manager")
		all := []string{"invoices:view", "orders:place", "rights:modify"}
		granted := map[string][]string{}
		for choice := range 1 << len(all) {
			name, spec := fmt.Sprintf("user-%03b", choice), "rights: ["
			for i, right := range all {
				if choice&(1<<i) != 0 {
					granted[name] = append(granted[name], right)
					spec += `"` + right + `", `
				}
			}
			w.declare(name, immediate, spec+"]")
			granted[name] = append([]string{}, granted[name]...)
		}
		w.Expect(granted).To(HaveLen(8))
		for name, rights := range granted {
			w.are(beImported, name)
			w.awaitRights(name, rights...)
		}
		w.awaitRights("a-manager", all...)
	})

	play(t, "SO7 the user gets no message about changed rights; changes save at once", "sophia", func(w *world) {
		w.declare("ada", immediate)
		w.are(beImported, "ada")
		w.declare("bob")
		w.accept("bob")
		w.are(beActive, "bob")
		w.awaitRights("bob")
		begin := time.Now()
		w.patch("member", "bob", `{"rights":["invoices:view"]}`)
		w.awaitRights("bob", "invoices:view")
		w.t.Logf("granted within %s", time.Since(begin).Round(time.Millisecond))
		begin = time.Now()
		w.patch("member", "bob", `{"rights":[]}`)
		w.awaitRights("bob")
		w.t.Logf("withdrawn within %s", time.Since(begin).Round(time.Millisecond))
		w.are(beActive, "bob")
		w.Expect(w.mails("bob", 1)).To(HaveLen(1), "only the invitation")
	})

	play(t, "SO8 a user edits their own profile; company data separately", "sophia", func(w *world) {
		w.declare("ada")
		w.accept("ada")
		w.are(beActive, "ada")
		w.declare("bob")
		w.accept("bob", url.Values{"given_name": {"Bob"}})
		w.are(beActive, "bob")
		const person, company = `value="details"`, `value="company"` // the buttons that save

		user := w.browser()
		w.Expect(user.signIn("bob").Body).To(And(ContainSubstring(person), Not(ContainSubstring(company))))
		me := site.portal + "/me"
		user.open(me, url.Values{"action": {"details"}, "given_name": {"Robert"}, "family_name": {"Smith"}, "phone": {"+44 20 7946 0000"}})
		w.Expect(user.open(me, nil).Body).To(And(ContainSubstring(`value="Robert"`), ContainSubstring(`value="&#43;44 20 7946 0000"`)))
		w.are(HaveField("Status.DisplayName", "Robert Smith"), "bob")
		w.Expect(w.member("bob").Spec.GivenName).To(BeEmpty(), "Usher does not change the spec, which is in Git")

		manager := w.browser()
		w.Expect(manager.signIn("ada").Body).To(And(ContainSubstring(person), ContainSubstring(company)))
		manager.open(me, url.Values{"action": {"company"}, "contact_email": {"hidden@acme.example"}, "contact_phone": {"+33 1 23 45 67 89"}, "contact_address": {"Paris"}})
		w.Expect(manager.open(me, nil).Body).To(And(
			ContainSubstring(`value="&#43;33 1 23 45 67 89"`), ContainSubstring("Paris</textarea>"),
			ContainSubstring(`value="office@acme.example"`), Not(ContainSubstring("hidden@acme.example")),
		), "the spec's address; the posted one is ignored")
		w.Expect(w.theAccount().Spec.Contact.Phone).To(BeEmpty())
	})
}
