// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package products_test

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
)

func TestZendeskSell(t *testing.T) {
	play(t, "ZE1 a disabled user cannot sign in, web or mobile", "zendesk-sell", func(w *world) {
		w.declare("ada", immediate)
		w.are(beImported, "ada")
		w.declare("bob")
		w.accept("bob")
		w.are(beActive, "bob")
		w.awaitRights("bob", "deals:edit", "deals:view")
		w.Eventually(func() bool { return w.letIn("bob", password) }).Should(BeTrue())
		w.Expect(w.letIn("bob", "not "+password)).To(BeFalse())
		phone := w.browser()
		w.Expect(phone.signIn("bob").Body).To(ContainSubstring(`value="sign-out"`))

		w.disable("bob")
		w.are(beDisabled, "bob")
		w.awaitRights("bob")
		w.Eventually(func() bool { return w.letIn("bob", password) }).Should(BeFalse())
		w.Expect(phone.open(site.portal+"/me", nil).Body).NotTo(ContainSubstring(`value="sign-out"`))
		w.Expect(w.browser().signIn("bob").Body).NotTo(ContainSubstring(`value="sign-out"`))
	})

	play(t, "ZE2 stays listed and in reports, history and ownership kept", "zendesk-sell", func(w *world) {
		w.declare("ada", immediate)
		w.declare("bob", immediate)
		w.are(beImported, "ada", "bob")
		activated := w.member("bob").Status.ActivatedAt
		w.Expect(w.own("deal", "bob")).To(Succeed())
		w.disable("bob")
		w.are(beDisabled, "bob")
		w.Expect(w.get("members")["bob"]).To(And(HaveKeyWithValue("STATE", "Disabled"), HaveKeyWithValue("ROLE", "user")))
		w.Expect(w.member("bob").Status.ActivatedAt).To(Equal(activated))
		w.Expect(w.member("bob").Status.DisabledAt).NotTo(BeNil())
		w.Expect(w.ownerOf("deal")).To(Equal("bob"))
	})

	play(t, "ZE3 cannot be given data or tasks", "zendesk-sell", func(w *world) {
		w.declare("ada", immediate)
		w.declare("bob", immediate)
		w.are(beImported, "ada", "bob")
		w.Expect(w.own("deal", "bob")).To(Succeed())
		w.Expect(w.own("task", "ada")).To(Succeed())
		w.disable("bob")
		w.are(beDisabled, "bob")
		tries := 0
		w.Eventually(func() error { tries++; return w.own(fmt.Sprint("another-", tries), "bob") }).Should(MatchError(ContainSubstring("bob")))
		out, err := w.tryKubectl("label", "configmap", "task", "usher.dev/owner=bob", "--overwrite")
		w.Expect(err).To(HaveOccurred(), out)
		w.Expect(w.ownerOf("task")).To(Equal("ada"))
		w.kubectl("annotate", "configmap", "deal", "note=what they own can still be worked on")
	})

	play(t, "ZE4 their API token changes, their integrations stop", "zendesk-sell", func(w *world) {
		w.declare("ada", immediate)
		w.declare("bob", immediate)
		w.are(beImported, "ada", "bob")
		token, others := w.credentials("bob")["api-token"], w.credentials("ada")["api-token"]
		w.Expect(token).NotTo(BeEmpty())
		w.disable("bob")
		w.are(beDisabled, "bob")
		w.Eventually(func() string { return w.credentials("bob")["api-token"] }).ShouldNot(Or(Equal(token), BeEmpty()))
		w.Expect(w.credentials("ada")["api-token"]).To(Equal(others))
		w.enable("bob")
		w.are(beImported, "bob")
		w.Expect(w.credentials("bob")["api-token"]).NotTo(Equal(token))
	})

	play(t, "ZE5 not counted against the licence limit", "zendesk-sell", func(w *world) {
		w.declare("ada", immediate)
		w.declare("bob", immediate)
		w.are(beImported, "ada", "bob")
		w.awaitPool(count(2, 2, 0))
		w.disable("bob")
		w.awaitPool(count(2, 1, 0))
		w.Expect(w.get("seatpools")[w.base]).To(And(HaveKeyWithValue("ASSIGNED", "1"), HaveKeyWithValue("AVAILABLE", "1")))
	})

	play(t, "ZE6 can be reactivated whenever a licence is free, with the same permissions as before", "zendesk-sell", func(w *world) {
		w.declare("ada", immediate)
		w.are(beImported, "ada")
		w.declare("bob", `rights: ["reports:view"]`)
		w.accept("bob")
		w.are(beActive, "bob")
		w.awaitRights("bob", "deals:edit", "deals:view", "reports:view")
		w.disable("bob")
		w.declare("carol", immediate)
		w.are(beImported, "carol")

		w.enable("bob")
		w.are(beWaiting, "bob") // the button is grey
		w.awaitRights("bob")
		w.kubectl("delete", "member", "carol", "--wait=false")
		w.are(beActive, "bob")
		w.awaitRights("bob", "deals:edit", "deals:view", "reports:view")
		w.Expect(w.member("bob").Status.Role).To(Equal("user"))
		w.Expect(w.mails("bob", 1)).To(HaveLen(1), "asked once")
	})

	play(t, "ZE7 or deleted for good", "zendesk-sell", func(w *world) {
		w.declare("ada", immediate)
		w.declare("bob", immediate)
		w.are(beImported, "ada", "bob")
		w.disable("bob")
		w.are(beDisabled, "bob")
		w.kubectl("delete", "member", "bob", "--wait=false")
		awaitGone(w, testkit.Member("bob").Build())
		w.Expect(w.credentials("bob")).To(BeNil())
		w.Expect(w.get("members")).To(HaveLen(1))
		await(w, testkit.Account(w.account).Build(), HaveField("Status.Members.Total", BeEquivalentTo(1)))
	})

	play(t, "ZE8 only an administrator may disable or enable", "zendesk-sell", func(w *world) {
		w.declare("ada", immediate)
		w.declare("bob", immediate)
		w.are(beImported, "ada", "bob")
		w.Expect(w.member("ada").Status.Role).To(Equal("admin"))
		for _, state := range []usherv1.State{usherv1.StateDisabled, usherv1.StateActive} {
			patch := []string{"patch", "member", "bob", "--type=merge", "--patch", `{"spec":{"state":"` + string(state) + `"}}`}
			w.Eventually(func() error { _, err := w.as("ada", patch...); return err }).Should(Succeed())
			out, err := w.as("bob", patch...)
			w.Expect(err).To(HaveOccurred())
			w.Expect(out).To(forbidden)
		}
		w.are(beImported, "bob")
	})
}
