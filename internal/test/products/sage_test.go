// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package products_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
)

func TestSageSalesManagement(t *testing.T) {
	play(t, "SA1 a licence is bought; a user is the person who uses it; as many licences as users", "sage-starter", func(w *world) {
		for _, name := range []string{"ada", "bob", "carol"} {
			w.declare(name, immediate)
		}
		w.are(beImported, "ada", "bob", "carol")
		w.declare("dora", immediate)
		w.are(beWaiting, "dora")
		w.awaitPool(count(3, 3, 0))
		for _, name := range []string{"ada", "bob", "carol"} {
			w.Expect(w.pool(w.base).Status.Claims).To(HaveKey(string(w.member(name).UID)))
		}
		// Not even an administrator can add a user without a licence.
		out, err := w.tryKubectl("patch", "member", "dora", "--subresource=status", "--type=merge", "--patch", `{"status":{"state":"Active"}}`)
		w.Expect(err).To(HaveOccurred())
		w.Expect(out).To(ContainSubstring("must hold a seat"))
	})

	play(t, "SA2 the page shows plan, licences used, licences in all", "sage-starter", func(w *world) {
		w.declare("ada", immediate)
		w.are(beImported, "ada")
		await(w, testkit.Account(w.account).Build(), HaveField("Status.SeatsSummary", "1/3"))
		shown := w.get("seatpools,accounts")
		w.Expect(shown["seatpool.usher.dev/"+w.base]).To(And(
			HaveKeyWithValue("CAPACITY", "3"), HaveKeyWithValue("ASSIGNED", "1"), HaveKeyWithValue("AVAILABLE", "2")))
		w.Expect(shown["account.usher.dev/"+w.account]).To(And(
			HaveKeyWithValue("PLAN", "sage-starter"), HaveKeyWithValue("SEATS", "1/3"), HaveKeyWithValue("ACTIVE", "1")))
	})

	play(t, "SA3 invite by e-mail address alone", "sage-starter", func(w *world) {
		w.declare("ada")
		w.are(beInvited, "ada")
		mails := w.mails("ada", 1)
		w.Expect(mails).To(HaveLen(1))
		w.Expect(mails[0].Text).To(ContainSubstring("Acme SAS"))
		w.Expect(w.visit(mails[0].Link(), nil)).To(And(HaveField("Status", http.StatusOK), HaveField("Body", ContainSubstring(w.address("ada")))))
		w.Expect(w.get("members", "--output=wide")["ada"]).To(HaveKeyWithValue("NAME", w.address("ada")))
	})

	play(t, "SA4 Starter: invited as Salesrep; role editable once accepted", "sage-starter", func(w *world) {
		w.declare("ada", immediate)
		w.are(beImported, "ada")
		w.declare("bob")
		w.declare("carol", "role: manager") // any role that is requested at the start
		w.are(beInvited, "bob", "carol")
		shown := w.get("members")
		w.Expect(shown["bob"]).To(HaveKeyWithValue("ROLE", "salesrep"))
		w.Expect(shown["carol"]).To(HaveKeyWithValue("ROLE", "salesrep"))
		w.Expect(w.tryDeclare("bob", "role: manager")).To(MatchError(ContainSubstring("accepted")), "too early, and why")
		w.accept("bob")
		w.are(And(beActive, HaveField("Status.Role", "salesrep")), "bob")
		w.declare("bob", "role: manager")
		w.are(And(beActive, HaveField("Status.Role", "manager")), "bob")
		w.awaitRights("bob", "own-data:edit", "own-data:view", "team-data:edit", "team-data:view")
		w.accept("carol")
		w.are(And(beActive, HaveField("Status.Role", "manager")), "carol")
	})

	play(t, "SA5 Starter roles: Salesrep (own data), Manager (team's data), Admin (settings, users, all data)", "sage-starter", func(w *world) {
		table := map[string][]string{
			"salesrep": {"own-data:edit", "own-data:view"},
			"manager":  {"own-data:edit", "own-data:view", "team-data:edit", "team-data:view"},
			"admin": {
				"all-data:edit", "all-data:view", "own-data:edit", "own-data:view", "settings:change", "team-data:edit", "team-data:view",
				"users:manage",
			},
		}
		for role := range table {
			w.declare("a-"+role, immediate, "role: "+role)
		}
		for role, rights := range table {
			w.are(beImported, "a-"+role)
			w.awaitRights("a-"+role, rights...)
		}
		// kubectl uses another API for the same question, and gets the same answer.
		out, err := w.as("a-manager", "auth", "can-i", "edit", "team-data.rights.usher.dev")
		w.Expect(err).NotTo(HaveOccurred(), out)
		w.Expect(out).To(HaveSuffix("yes"))
		out, err = w.as("a-manager", "auth", "can-i", "edit", "all-data.rights.usher.dev")
		w.Expect(err).To(HaveOccurred(), out)
		w.Expect(out).To(HaveSuffix("no"))
	})

	play(t, "SA6 Essential: every user is Admin with full visibility", "sage-essential", func(w *world) {
		w.declare("ada", immediate)
		w.declare("bob", immediate)
		w.are(beImported, "ada", "bob")
		shown := w.get("members")
		for _, name := range []string{"ada", "bob"} {
			w.Expect(shown[name]).To(HaveKeyWithValue("ROLE", "admin"))
			w.awaitRights(name, "data:edit", "data:view", "settings:change", "users:manage")
		}
	})

	play(t, "SA7 the invitee sets a password and accepts the terms", "sage-starter", func(w *world) {
		w.declare("ada")
		w.are(beInvited, "ada")
		link := w.link("ada")
		for _, forgotten := range []string{"password", "terms"} {
			shown := w.visit(link, acceptance(url.Values{forgotten: nil}))
			w.Expect(shown.Status).To(Equal(http.StatusUnprocessableEntity), forgotten)
			w.Expect(shown.Body).To(ContainSubstring(`id="`+forgotten+`-error"`), "the mistake is beside its field")
		}
		w.are(beInvited, "ada")
		w.accept("ada")
		w.are(beActive, "ada")
		made := w.credentials("ada")
		w.Expect(made).To(HaveKeyWithValue("terms-url", "https://acme.example/terms"))
		w.Expect(made).To(HaveKey("accepted-at"))
		w.expectPassword("ada", password)
	})

	play(t, "SA8 Pending until activated, and the licence is not used yet", "sage-starter", func(w *world) {
		w.declare("ada")
		w.are(beInvited, "ada")
		w.awaitPool(count(3, 0, 0))
		w.Expect(w.get("members")["ada"]).To(And(HaveKeyWithValue("STATE", "Pending"), HaveKeyWithValue("REASON", "AwaitingAcceptance")))
		w.accept("ada")
		w.are(beActive, "ada")
		w.awaitPool(count(3, 1, 0))
	})

	play(t, "SA9 not activated: resend the mail, or revoke", "sage-starter", func(w *world) {
		w.declare("ada")
		w.are(beInvited, "ada")
		first := w.link("ada")
		w.patch("invitation", "ada", `{"sendGeneration":2}`)
		second := w.mails("ada", 2)[1].Link()
		w.Expect(second).NotTo(Equal(first))
		w.Expect(w.visit(second, nil).Status).To(Equal(http.StatusOK))
		w.Expect(w.visit(first, nil).Status).To(Equal(http.StatusNotFound), "the earlier link is invalid")

		w.patch("invitation", "ada", `{"state":"Revoked"}`)
		w.are(be(usherv1.ObservedPending, usherv1.ReasonInvitationRevoked), "ada")
		w.Expect(w.visit(second, acceptance()).Status).To(Equal(http.StatusGone))
		w.Expect(w.credentials("ada")).To(BeNil())
	})

	play(t, "SA10 disable an active user: Disabled, the licence is free: invite another, or reactivate an old one", "sage-starter", func(w *world) {
		for _, name := range []string{"ada", "bob", "carol"} {
			w.declare(name, immediate)
		}
		w.are(beImported, "ada", "bob", "carol")
		w.declare("dora", immediate)
		w.are(beWaiting, "dora")
		w.disable("bob")
		w.are(beDisabled, "bob")
		w.are(beImported, "dora") // the next in the queue
		w.awaitPool(count(3, 3, 0))

		w.enable("bob")
		w.are(beWaiting, "bob")
		w.disable("carol")
		w.are(beDisabled, "carol")
		w.are(beImported, "bob")
		w.Expect(site.sink.MailsTo(w.address("bob"))).To(BeEmpty())
	})

	play(t, "SA11 edit given name, family name, e-mail, role (Starter only)", "sage-starter", func(w *world) {
		w.declare("ada", immediate)
		w.are(beImported, "ada")
		w.declare("bob", immediate, "givenName: Bob", "familyName: Roberts", "role: salesrep")
		w.are(beImported, "bob")
		w.awaitRights("bob", "own-data:edit", "own-data:view")
		w.patch("member", "bob", `{"givenName":"Robert","familyName":"Smith","role":"manager","email":"`+w.address("robert")+`"}`)
		w.are(And(beImported, HaveField("Status.Role", "manager"), HaveField("Status.DisplayName", "Robert Smith")), "bob")
		w.awaitRights("robert", "own-data:edit", "own-data:view", "team-data:edit", "team-data:view")
		w.awaitRights("bob") // the earlier address

		w.install("sage-essential")
		w.declare("eve", immediate)
		w.are(beImported, "eve")
		out, err := w.tryKubectl("patch", "member", "eve", "--type=merge", "--patch", `{"spec":{"role":"manager"}}`)
		w.Expect(err).To(HaveOccurred())
		w.Expect(out).To(And(ContainSubstring("manager"), ContainSubstring("admin")), "which roles there are")
	})

	play(t, "SA12 all licences in use: a button to add licences", "sage-starter", func(w *world) {
		for _, name := range []string{"ada", "bob", "carol"} {
			w.declare(name, immediate)
		}
		w.are(beImported, "ada", "bob", "carol")
		w.declare("dora", immediate)
		w.are(beWaiting, "dora")
		w.awaitPool(And(testkit.HaveCondition(usherv1.ConditionFull, "True"), HaveField("Status.Waiting", HaveValue(BeEquivalentTo(1)))))
		message := w.kubectl("get", "seatpool", w.base, `--output=jsonpath={.status.conditions[?(@.type=="Full")].message}`)
		_, button, found := strings.Cut(message, "kubectl ")
		w.Expect(found).To(BeTrue(), message)
		out, err := kubectl(strings.Fields(button)...) // exactly as the message says
		w.Expect(err).NotTo(HaveOccurred(), out)
		w.are(beImported, "dora")
		w.awaitPool(count(4, 4, 0))
	})
}
