// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

var _ = Describe("A member", func() {
	disabled := be(usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec)

	It("that is disabled while invited has an invalid link, and gets a new one when enabled", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		old := w.link("ada", 1)
		Eventually(w.member("ada")).Should(beInvited)
		w.disable("ada")
		Eventually(w.member("ada")).Should(disabled)
		Eventually(w.invitation("ada")).Should(HaveField("Status.State", usherv1.InvitationRevoked))
		Eventually(func() []string { return w.holders(base) }).Should(BeEmpty())
		Expect(w.visit(old)).To(Equal(http.StatusGone))
		w.enable("ada")
		Eventually(w.member("ada")).Should(beInvited)
		Expect(w.visit(old)).To(Equal(http.StatusNotFound))
		Expect(w.visit(w.link("ada", 2))).To(Equal(http.StatusOK))
		o.settles()
		Expect(w.mailed()).To(HaveLen(2))
	})

	It("that is disabled while Active frees its seat at once, and is Active again without a mail when enabled", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		w.hire("bob")
		Eventually(w.member("bob")).Should(beWaiting)
		w.disable("ada")
		Eventually(w.member("ada")).Should(And(disabled, HaveField("Status.DisabledAt", Not(BeNil()))))
		Eventually(w.member("bob")).Should(beInvited)
		Expect(w.credentials("ada")).NotTo(BeNil())

		w.enable("ada")
		Eventually(w.member("ada")).Should(beWaiting, "Bob has the seat now")
		w.scale(base, 2)
		Eventually(w.member("ada")).Should(beActive)
		o.settles()
		Expect(w.mails("ada")).To(HaveLen(1))
	})

	It("that is disabled and enabled between two reconciles keeps its seat", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		w.hire("bob")
		Eventually(w.member("bob")).Should(beWaiting)
		o.wire.Watches("members").Freeze()
		w.disable("ada")
		w.enable("ada")
		o.wire.Watches("members").Thaw()
		Eventually(w.member("ada")).Should(And(beActive, HaveField("Status.ObservedGeneration", BeEquivalentTo(3))))
		o.settles()
		Expect(w.member("ada")()).To(beActive)
		Expect(w.member("bob")()).To(beWaiting)
		Expect(w.mailed()).To(HaveLen(1))
	})

	It("whose account is disabled has no access and keeps the seat", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.hire("ada", "bob")
		w.activate("ada")
		Eventually(w.member("bob")).Should(beInvited)
		account := testkit.Account("acme").Build()
		edit(w, account, func(a *usherv1.Account) { a.Spec.State = usherv1.StateDisabled })
		off := be(usherv1.ObservedDisabled, usherv1.ReasonAccountDisabled)
		Eventually(w.member("ada")).Should(off)
		Eventually(w.member("bob")).Should(off)
		Expect(w.holders(base)).To(Equal([]string{"ada", "bob"}))
		Expect(w.visit(w.link("bob", 1))).To(Equal(http.StatusGone))
		Eventually(w.account).Should(testkit.HaveCondition(usherv1.ConditionDisabled, "True", usherv1.ReasonDisabledBySpec))
		w.hire("eve")
		Eventually(w.member("eve")).Should(off)

		edit(w, account, func(a *usherv1.Account) { a.Spec.State = usherv1.StateActive })
		Eventually(w.member("ada")).Should(beActive)
		Eventually(w.member("bob")).Should(beInvited)
		Eventually(w.member("eve")).Should(beWaiting)
		w.activate("bob")
		o.settles()
		Expect(w.mailed()).To(ConsistOf("ada", "bob"))
	})

	It("whose address changes while invited gets a mail at the new address, and the old link is invalid", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		old := w.link("ada", 1)
		Eventually(w.member("ada")).Should(beInvited)
		w.editMember("ada", func(m *usherv1.Member) { m.Spec.Email = "countess@acme.example" })
		Expect(w.visit(old)).To(Equal(http.StatusNotFound), "at once")
		fresh := w.link("countess", 1)
		Eventually(w.member("ada")).Should(beInvited)
		Eventually(w.invitation("ada")).Should(And(
			HaveField("Status.Recipient", "countess@acme.example"), HaveField("Status.State", usherv1.InvitationSent)))
		Expect(w.invitation("ada")().Spec.SendGeneration).To(BeEquivalentTo(1), "Usher does not change the spec")
		Expect(w.visit(fresh)).To(Equal(http.StatusOK))
		o.settles()
		Expect(w.mailed()).To(HaveLen(2))
		Expect(w.answer(fresh, "accept")).To(Equal(http.StatusSeeOther))
		Eventually(w.member("ada")).Should(beActive)
	})

	It("whose address changes only in case keeps the link", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		link := w.link("ada", 1)
		Eventually(w.member("ada")).Should(beInvited)
		w.editMember("ada", func(m *usherv1.Member) { m.Spec.Email = "Ada@ACME.example" })
		Eventually(w.member("ada")).Should(HaveField("Status.ObservedGeneration", BeEquivalentTo(2)))
		o.settles()
		Expect(w.mailed()).To(HaveLen(1))
		Expect(w.visit(link)).To(Equal(http.StatusOK))
	})

	It("that is deleted leaves only an entry in the account's status", func(ctx SpecContext) {
		w, _ := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		uid := w.member("ada")().UID
		w.remove(testkit.Member("ada").Build())
		Eventually(exists(w, testkit.Member("ada").Build())).Should(BeFalse())
		Expect(w.credentials("ada")).To(BeNil())
		Expect(exists(w, testkit.Invitation("ada").Build())()).To(BeFalse())
		Expect(w.pool(base)().Status.Claims).To(BeEmpty())
		Expect(w.account().Status.FormerMembers).To(ConsistOf(And(
			HaveField("Name", "ada"), HaveField("Email", "ada@acme.example"), HaveField("UID", string(uid)))))
	})

	It("that is deleted before its first reconcile is removed", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		w.remove(testkit.Member("ada").Build())
		Eventually(exists(w, testkit.Member("ada").Build())).Should(BeFalse())
		o.settles()
		Expect(w.pool(base)().Status.Claims).To(BeEmpty())
	})

	It("that is deleted and created again under the same name is a new person", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		first := w.link("ada", 1)
		w.activate("ada")
		w.remove(testkit.Member("ada").Build())
		Eventually(exists(w, testkit.Member("ada").Build())).Should(BeFalse())
		w.hire("ada")
		Eventually(w.member("ada")).Should(beInvited)
		Expect(w.visit(first)).To(Equal(http.StatusNotFound))
		Expect(w.link("ada", 2)).NotTo(Equal(first))
		w.activate("ada")
		o.settles()
		Expect(w.mailed()).To(HaveLen(2))
	})

	It("with the address of an older member waits until the address is free", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.hire("ada")
		Eventually(w.member("ada")).Should(beInvited)
		w.create(testkit.Member("ada-again").Email("ADA@acme.example").Build())
		Eventually(w.member("ada-again")).Should(be(usherv1.ObservedPending, usherv1.ReasonDuplicateEmail))
		o.settles()
		Expect(w.mailed()).To(Equal([]string{"ada"}))
		Expect(w.holders(base)).To(Equal([]string{"ada"}))

		w.remove(testkit.Member("ada").Build())
		Eventually(w.member("ada-again")).Should(beInvited)
		Expect(w.mailed()).To(HaveLen(2))
	})

	It("with the address of an older member, spelled in another way, is the same person", func(ctx SpecContext) {
		w, o := running(ctx, 4)
		const ascii = "ada@xn--bcher-kva.example"
		w.create(testkit.Member("ada").Email("ada@bücher.example").Build())
		Eventually(w.member("ada")).Should(beInvited)
		spellings := map[string]string{"ada-ascii": "Ada@xn--bcher-kva.example", "ada-dot": "ada@bücher.example.", "ada-nfd": "ada@bu\u0308cher.example"}
		for name, address := range spellings {
			w.create(testkit.Member(name).Email(address).Build())
		}
		for name := range spellings {
			Eventually(w.member(name)).Should(be(usherv1.ObservedPending, usherv1.ReasonDuplicateEmail))
		}
		o.settles()
		Expect(w.sink.Mails()).To(ConsistOf(HaveField("To", []string{ascii})))
		Expect(w.holders(base)).To(Equal([]string{"ada"}))

		By("respelling it, and accepting with the link in hand")
		link := w.sink.MailsTo(ascii)[0].Link()
		w.editMember("ada", func(m *usherv1.Member) { m.Spec.Email = ascii })
		o.settles()
		Expect(w.sink.Mails()).To(HaveLen(1), "another spelling is no other address")
		Expect(w.answer(link, "accept")).To(Equal(http.StatusSeeOther))
		Eventually(w.member("ada")).Should(beActive)
		o.settles()
		for _, address := range append(slices.Collect(maps.Values(spellings)), "ada@bücher.example", ascii) {
			form := url.Values{"action": {"sign-in"}, "email": {address}, "password": {password}}
			Expect(w.request(http.MethodPost, "/me", form).Code).To(Equal(http.StatusSeeOther), address)
		}
		Expect(w.holders(base)).To(Equal([]string{"ada"}))
	})

	It("with an address that no mail can go to says so, and is corrected", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.create(testkit.Member("ada").Email("ada@xn--0.example").Build())
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonMailRejected))
		o.settles()
		Expect(w.member("ada")().Status.Conditions).To(ContainElement(HaveField("Message", ContainSubstring("No mail can go to spec.email"))))
		Expect(w.sink.Mails()).To(BeEmpty())
		Expect(w.holders(base)).To(BeEmpty())
		w.editMember("ada", func(m *usherv1.Member) { m.Spec.Email = "ada@acme.example" })
		Eventually(w.member("ada")).Should(beInvited)
	})

	It("created together with others with the same address: exactly one is invited", func(ctx SpecContext) {
		w, o := running(ctx, 4)
		for _, name := range []string{"d", "c", "b", "a"} {
			w.create(testkit.Member(name).Email("same@acme.example").Build())
		}
		Eventually(func() int { return len(w.mailed()) }).Should(Equal(1))
		Eventually(w.table).Should(ConsistOf(
			ContainSubstring("AwaitingAcceptance"), ContainSubstring("DuplicateEmail"),
			ContainSubstring("DuplicateEmail"), ContainSubstring("DuplicateEmail")))
		o.settles()
		Expect(w.mailed()).To(HaveLen(1))
		Expect(w.holders(base)).To(HaveLen(1))
	})

	It("that takes an Active member's address does not affect that member", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.hire("old")
		Eventually(w.member("old")).Should(beInvited)
		w.hire("young")
		w.activate("young")
		w.editMember("old", func(m *usherv1.Member) { m.Spec.Email = "young@acme.example" })
		Eventually(w.member("old")).Should(be(usherv1.ObservedPending, usherv1.ReasonDuplicateEmail))
		o.settles()
		Expect(w.member("young")()).To(beActive)
	})

	It("continues when its account is created", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		w.start()
		w.hire("ada")
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonAccountNotFound))
		w.create(testkit.Account("acme").Build())
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonSeatPoolNotFound))
		w.create(testkit.SeatPool(base).Seats(1).Build())
		Eventually(w.member("ada")).Should(beInvited)
	})

	It("that names an unknown pool waits for it, and is not invited into another", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.create(testkit.Member("ada").Pools("gold").Build())
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonSeatPoolNotFound))
		Expect(w.member("ada")()).To(testkit.HaveCondition(usherv1.ConditionReconciling, "True"), "the pool may be created next")
		o.settles()
		w.clock.Step(time.Minute)
		w.touch()
		Eventually(w.member("ada")).Should(testkit.HaveCondition(usherv1.ConditionStalled, "True"))
		o.settles()
		Expect(w.holders(base)).To(BeEmpty())
		w.create(testkit.SeatPool("gold").Seats(1).Build())
		Eventually(w.member("ada")).Should(beInvited)
		Expect(w.holders("gold")).To(Equal([]string{"ada"}))
	})

	It("keeps its access when the pool of its add-on is deleted, and gets the add-on again with the pool", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		addOnPlan(ctx, w)
		extra := func() *testkit.SeatPoolBuilder { return testkit.SeatPool("extra").AddOn("pipelines").Seats(1) }
		w.create(extra().Build(), testkit.Member("ada").Pools("extra").Build())
		w.activate("ada")
		Eventually(w.member("ada")).Should(beActive)
		edit(w, extra().Build(), allowDeletion)
		w.remove(extra().Build())
		Eventually(exists(w, extra().Build())).Should(BeFalse())
		Eventually(w.member("ada")).Should(be(usherv1.ObservedActive, usherv1.ReasonAddOnSeatUnavailable))
		o.settles()
		Expect(w.holders(base)).To(Equal([]string{"ada"}))
		Expect(w.member("ada")().Status.Conditions).To(ContainElement(And(HaveField("Type", usherv1.ConditionSeatsAssigned),
			HaveField("Message", ContainSubstring("no SeatPool extra that gives seats: create it, or correct spec.seatPoolRefs")))))
		w.create(extra().Build())
		Eventually(w.member("ada")).Should(beActive)
		Expect(w.neverWithout("ada")).To(BeTrue())
	})

	It("that names neither of two pools reports that, and takes the one that it is edited to name", func(ctx SpecContext) {
		w, _ := running(ctx, 1)
		w.create(testkit.SeatPool("gold").Seats(1).Build())
		Eventually(w.pool("gold")).Should(testkit.HaveCondition(usherv1.ConditionReady, "True"))
		w.hire("ada")
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonSeatPoolNotFound))
		w.editMember("ada", func(m *usherv1.Member) { m.Spec.SeatPoolRefs = []usherv1.SeatPoolReference{{Name: "gold"}} })
		Eventually(w.member("ada")).Should(beInvited)
	})

	It("whose account is deleted loses access, and gets it back with the account", func(ctx SpecContext) {
		w, _ := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		w.remove(testkit.Account("acme").Build())
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonAccountNotFound))
		w.create(testkit.Account("acme").Build())
		Eventually(w.member("ada")).Should(beActive)
		Expect(w.mailed()).To(HaveLen(1))
	})

	It("with activation Immediate is Active without a mail, as soon as a seat is free", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.create(testkit.Member("ada").Immediate().Build())
		Eventually(w.member("ada")).Should(be(usherv1.ObservedActive, usherv1.ReasonActivated))
		Expect(w.credentials("ada").Data).NotTo(HaveKey("password-hash"))
		w.create(testkit.Member("bob").Immediate().Build())
		Eventually(w.member("bob")).Should(beWaiting)
		w.scale(base, 2)
		Eventually(w.member("bob")).Should(be(usherv1.ObservedActive, usherv1.ReasonActivated))
		w.disable("bob")
		Eventually(w.member("bob")).Should(be(usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec))
		w.enable("bob")
		Eventually(w.member("bob")).Should(be(usherv1.ObservedActive, usherv1.ReasonActivated))
		o.settles()
		Expect(w.mailed()).To(BeEmpty())
		Expect(w.invitations()).To(BeEmpty())
	})

	It("that is created Disabled is not invited until it is enabled", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.create(testkit.Member("ada").Disabled().Build())
		Eventually(w.member("ada")).Should(disabled)
		o.settles()
		Expect(w.holders(base)).To(BeEmpty())
		w.enable("ada")
		Eventually(w.member("ada")).Should(beInvited)
	})

	It("with an add-on has access while its add-on seat is missing", func(ctx SpecContext) {
		w, _ := running(ctx, 1)
		addOnPlan(ctx, w)
		w.create(testkit.SeatPool("acme-pipelines").AddOn("pipelines").Build(), testkit.Member("ada").Pools(base, "acme-pipelines").Build())
		w.link("ada", 1)
		w.accept("ada")
		Eventually(w.member("ada")).Should(And(be(usherv1.ObservedActive, usherv1.ReasonAddOnSeatUnavailable),
			testkit.HaveCondition(usherv1.ConditionSeatsAssigned, "False", usherv1.ReasonAddOnSeatUnavailable)))
		w.scale("acme-pipelines", 1)
		Eventually(w.member("ada")).Should(And(beActive, testkit.HaveCondition(usherv1.ConditionSeatsAssigned, "True")))
	})

	It("that lost its Secret is invited again", func(ctx SpecContext) {
		w, _ := running(ctx, 1)
		w.hire("ada")
		w.activate("ada")
		w.remove(w.credentials("ada"))
		Eventually(w.member("ada")).Should(beInvited)
		Expect(w.mails("ada")).To(HaveLen(2))
		w.activate("ada")
	})

	It("whose status was wiped gets the same status again", func(ctx SpecContext) {
		w, o := running(ctx, 2)
		w.history.unlawful = true
		w.hire("ada", "bob")
		w.activate("ada")
		Eventually(w.member("bob")).Should(beInvited)
		link := w.link("bob", 1)
		o.settles()
		wipe(w, testkit.Member("ada").Build(), testkit.Member("bob").Build(), testkit.SeatPool(base).Build(), testkit.Account("acme").Build())
		Eventually(w.member("ada")).Should(beActive)
		Eventually(w.member("bob")).Should(beInvited)
		o.settles()
		Expect(w.member("ada")()).To(beActive)
		Expect(w.member("bob")()).To(beInvited)
		Expect(w.mailed()).To(HaveLen(2))
		Expect(w.visit(link)).To(Equal(http.StatusOK))
		Expect(w.holders(base)).To(Equal([]string{"ada", "bob"}))
		Eventually(w.account).Should(testkit.HaveCondition(usherv1.ConditionReady, "True"))

		By("wiping the invitations")
		wipe(w, testkit.Invitation("ada").Build(), testkit.Invitation("bob").Build())
		Eventually(w.invitation("ada")).Should(HaveField("Status.State", usherv1.InvitationAccepted))
		fresh := w.link("bob", 2)
		Eventually(w.member("bob")).Should(beInvited)
		Expect(w.visit(fresh)).To(Equal(http.StatusOK))
		o.settles()
		Expect(w.mails("ada")).To(HaveLen(1))
	})
})

// wipe empties statuses as `kubectl replace --subresource=status` would.
func wipe(w *world, objects ...client.Object) {
	GinkgoHelper()
	for _, o := range objects {
		o.SetNamespace(w.namespace)
		Expect(w.api.Status().Patch(context.Background(), o, client.RawPatch("application/merge-patch+json", []byte(`{"status":null}`)))).To(Succeed())
	}
}

// addOnPlan puts the world's account on a plan with the add-on pipelines, which the account has.
func addOnPlan(ctx context.Context, w *world) {
	GinkgoHelper()
	plan := testkit.Plan(w.namespace).AddOn("pipelines", 0, usherv1.SeatPurchase{}).Build()
	Expect(w.api.Create(ctx, plan)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(w.api.Delete(ctx, plan)).To(Succeed()) })
	edit(w, testkit.Account("acme").Build(), func(a *usherv1.Account) {
		a.Spec.PlanRef, a.Spec.AddOns = &usherv1.PlanReference{Name: plan.Name}, []string{"pipelines"}
	})
}
