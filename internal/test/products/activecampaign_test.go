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

func TestActiveCampaign(t *testing.T) {
	play(t, "AC1 an account has at least one user", "activecampaign-plus", func(w *world) {
		w.declare("ada", immediate)
		w.are(beImported, "ada")
		for _, end := range [][]string{
			{"delete", "member", "ada", "--wait=false"},
			{"patch", "member", "ada", "--type=merge", "--patch", `{"spec":{"state":"Disabled"}}`},
			{"patch", "member", "ada", "--type=merge", "--patch", `{"spec":{"role":"user"}}`},
		} {
			out, err := w.tryKubectl(end...)
			w.Expect(err).To(HaveOccurred(), "%v: %s", end, out)
			w.Expect(out).To(ContainSubstring("last"), "%v", end)
		}
		w.Expect(w.member("ada").DeletionTimestamp).To(BeNil())
		w.are(beImported, "ada")
	})

	play(t, "AC2 Starter includes 1, no more can be bought; Plus 1, Professional 3, Enterprise 5, any number can be bought", "activecampaign-starter", func(w *world) {
		included := func(seats int32) {
			w.t.Helper()
			w.awaitPool(And(count(seats, 0, 0), HaveField("Status.Included", seats)))
		}
		included(1)
		out, err := w.tryKubectl("scale", "seatpool", w.base, "--replicas=1")
		w.Expect(err).To(HaveOccurred(), out)
		w.Expect(out).To(ContainSubstring("activecampaign-starter"))

		w.install("activecampaign-plus")
		included(1)
		w.install("activecampaign-professional")
		included(3)
		w.install("activecampaign-enterprise")
		included(5)
		w.kubectl("scale", "seatpool", w.base, "--replicas=200")
		w.awaitPool(count(205, 0, 0))
	})

	play(t, "AC3 add-ons Pipelines and Sales Engagement: not available on Starter; 1, 3, 5 included", "activecampaign-starter", func(w *world) {
		w.patch("account", w.account, `{"addOns":["pipelines"]}`)
		await(w, testkit.Account(w.account).Build(), testkit.HaveCondition(usherv1.ConditionReady, "False", usherv1.ReasonAddOnNotInPlan))

		included := func(seats int32) {
			w.t.Helper()
			for _, addOn := range []string{"pipelines", "sales-engagement"} {
				await(w, testkit.SeatPool(w.account+"-"+addOn).Build(), And(count(seats, 0, 0), HaveField("Spec.AddOn", addOn)))
			}
		}
		w.install("activecampaign-plus")
		included(1)
		w.install("activecampaign-professional")
		included(3)
		w.install("activecampaign-enterprise")
		included(5)
	})

	play(t, "AC4 on one page seats can be bought though some are free, on the other only when all are assigned", "activecampaign-plus", func(w *world) {
		w.awaitPool(count(1, 0, 0))
		w.kubectl("scale", "seatpool", w.base, "--replicas=1")
		w.awaitPool(count(2, 0, 0))

		engagement := w.account + "-sales-engagement"
		await(w, testkit.SeatPool(engagement).Build(), count(1, 0, 0))
		out, err := w.tryKubectl("scale", "seatpool", engagement, "--replicas=1")
		w.Expect(err).To(HaveOccurred(), out)
		w.Expect(out).To(ContainSubstring("assigned"))
		w.declare("ada", immediate, fmt.Sprintf("seatPoolRefs: [{name: %s}, {name: %s}]", w.base, engagement))
		w.are(beImported, "ada")
		await(w, testkit.SeatPool(engagement).Build(), count(1, 1, 0))
		w.kubectl("scale", "seatpool", engagement, "--replicas=1")
		await(w, testkit.SeatPool(engagement).Build(), count(2, 1, 0))
	})

	play(t, "AC5 bought seats can be given back", "activecampaign-plus", func(w *world) {
		w.kubectl("scale", "seatpool", w.base, "--replicas=3")
		for _, name := range []string{"ada", "bob", "carol"} {
			w.declare(name, immediate)
		}
		w.are(beImported, "ada", "bob", "carol")
		w.awaitPool(count(4, 3, 0))
		w.kubectl("scale", "seatpool", w.base, "--replicas=2") // the free one
		w.awaitPool(And(count(3, 3, 0), testkit.HaveCondition(usherv1.ConditionOverCapacity, "False")))
		w.kubectl("scale", "seatpool", w.base, "--replicas=1") // one that a member has
		w.awaitPool(And(count(2, 3, 0), testkit.HaveCondition(usherv1.ConditionOverCapacity, "True")))
		w.Expect(w.kubectl("get", "seatpool", w.base, `--output=jsonpath={.status.conditions[?(@.type=="OverCapacity")].message}`)).To(
			And(ContainSubstring("3"), ContainSubstring("2")))
		w.are(beImported, "ada", "bob", "carol") // no member loses access
		w.disable("carol")
		w.awaitPool(And(count(2, 2, 0), testkit.HaveCondition(usherv1.ConditionOverCapacity, "False")))
	})

	play(t, "AC6 deleting a user does not lower the seats; the seat can be given to someone else; it cannot be undone", "activecampaign-plus", func(w *world) {
		w.kubectl("scale", "seatpool", w.base, "--replicas=1")
		w.declare("ada", immediate)
		w.are(beImported, "ada")
		w.declare("bob")
		w.accept("bob")
		w.are(beActive, "bob")
		w.declare("carol", immediate)
		w.are(beWaiting, "carol")
		first := w.member("bob").UID
		w.kubectl("delete", "member", "bob", "--wait=false")
		awaitGone(w, testkit.Member("bob").Build())
		w.are(beImported, "carol")
		w.awaitPool(count(2, 2, 0))

		w.kubectl("scale", "seatpool", w.base, "--replicas=2")
		w.declare("bob")
		w.are(beInvited, "bob") // invited again: nothing is left of the earlier member
		w.Expect(w.member("bob").UID).NotTo(Equal(first))
		w.Expect(w.mails("bob", 2)).To(HaveLen(2))
		w.awaitRights("bob")
	})

	play(t, "AC7 integrations with the user's API credentials break", "activecampaign-plus", func(w *world) {
		w.kubectl("scale", "seatpool", w.base, "--replicas=1")
		w.declare("ada", immediate)
		w.are(beImported, "ada")
		w.declare("bob")
		w.accept("bob")
		w.are(beActive, "bob")
		w.Expect(w.credentials("bob")).To(HaveKey("api-token"))
		w.kubectl("delete", "member", "bob", "--wait=false")
		awaitGone(w, testkit.Member("bob").Build())
		w.Expect(w.credentials("bob")).To(BeNil())
	})

	play(t, "AC8 their lists, accounts, deals and tasks must be reassigned first", "activecampaign-plus", func(w *world) {
		w.kubectl("scale", "seatpool", w.base, "--replicas=1")
		w.declare("ada", immediate)
		w.are(beImported, "ada")
		w.declare("bob", immediate)
		w.are(beImported, "bob")
		things := []string{"list", "account", "deal", "task"}
		for _, thing := range things {
			w.Expect(w.own(thing, "bob")).To(Succeed())
		}
		w.kubectl("delete", "member", "bob", "--wait=false")
		w.are(testkit.HaveCondition(usherv1.ConditionDeletionBlocked, "True"), "bob")
		message := w.kubectl("get", "member", "bob", `--output=jsonpath={.status.conditions[?(@.type=="DeletionBlocked")].message}`)
		for _, thing := range things {
			w.Expect(message).To(ContainSubstring(thing))
			w.Expect(w.ownerOf(thing)).To(Equal("bob"))
		}
		w.patch("member", "bob", `{"reassignTo":{"name":"ada"}}`)
		awaitGone(w, testkit.Member("bob").Build())
		for _, thing := range things {
			w.Expect(w.ownerOf(thing)).To(Equal("ada"))
		}
	})

	play(t, "AC9 every administrator can add users and manage permissions", "activecampaign-professional", func(w *world) {
		w.declare("ada", immediate)
		w.are(beImported, "ada")
		w.declare("bob", immediate, "role: admin")
		w.are(beImported, "bob")
		for _, admin := range []string{"ada", "bob"} {
			file := w.file(w.yamlOf("carol", immediate))
			w.Eventually(func() error { _, err := w.as(admin, "apply", "--filename", file); return err }).Should(Succeed())
			w.are(beImported, "carol")
			w.awaitRights("carol", "campaigns:send", "contacts:edit")
			_, err := w.as(admin, "patch", "member", "carol", "--type=merge", "--patch", `{"spec":{"rights":["permissions:manage"]}}`)
			w.Expect(err).NotTo(HaveOccurred())
			w.awaitRights("carol", "campaigns:send", "contacts:edit", "permissions:manage")
			w.kubectl("delete", "member", "carol", "--wait=false")
			awaitGone(w, testkit.Member("carol").Build())
		}
	})
}
