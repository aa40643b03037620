// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

var _ = Describe("A plan", func() {
	var w *world
	// onPlan creates a world with an account and a plan. Plans have no namespace, so the plan has the name of the world's.
	onPlan := func(ctx context.Context, seats int32, plan func(*testkit.PlanBuilder)) *operator {
		GinkgoHelper()
		w = newWorld(ctx, smtpsink.Options{})
		b := testkit.Plan(w.namespace)
		plan(b)
		object := b.Build()
		Expect(w.api.Create(ctx, object)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(w.api.Delete(ctx, object))).To(Succeed()) })
		account := testkit.Account(testkit.DefaultAccount).Build()
		account.Spec.PlanRef = &usherv1.PlanReference{Name: w.namespace}
		account.Spec.AddOns = []string{"pipelines"}
		w.create(account, testkit.SeatPool(base).Seats(seats).Build())
		return w.start()
	}
	change := func(how func(*usherv1.PlanSpec)) {
		GinkgoHelper()
		plan := testkit.Plan(w.namespace).Build()
		Eventually(func() error {
			if err := w.api.Get(context.Background(), client.ObjectKeyFromObject(plan), plan); err != nil {
				return err
			}
			how(&plan.Spec)
			return w.api.Update(context.Background(), plan)
		}).Should(Succeed())
	}
	capacity := func() int32 {
		if c := w.pool(base)().Status.Capacity; c != nil {
			return *c
		}
		return -1
	}
	immediate := func(names ...string) {
		GinkgoHelper()
		for _, name := range names {
			w.create(testkit.Member(name).Immediate().Build())
		}
	}

	It("includes seats, and a change of it reaches the account at once, without evicting members", func(ctx SpecContext) {
		o := onPlan(ctx, 1, func(b *testkit.PlanBuilder) { b.Included(2) })
		immediate("ada", "bob", "cat", "dan")
		Eventually(capacity).Should(BeEquivalentTo(3))
		Eventually(w.member("dan")).Should(beWaiting)

		change(func(s *usherv1.PlanSpec) { *s.IncludedSeats = 3 })
		Eventually(w.member("dan")).Should(be(usherv1.ObservedActive, usherv1.ReasonActivated))

		change(func(s *usherv1.PlanSpec) {
			*s.IncludedSeats, s.SeatPurchase.Policy = 1, usherv1.PurchaseNotAllowed
		})
		Eventually(w.pool(base)).Should(SatisfyAll(
			testkit.HaveCondition(usherv1.ConditionOverCapacity, metav1.ConditionTrue, usherv1.ReasonSeatsReduced),
			testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionFalse, usherv1.ReasonPurchaseNotAllowed)))
		o.settles()
		Expect(w.holders(base)).To(Equal([]string{"ada", "bob", "cat", "dan"}))
		Expect(w.account().Status.Members.Active).To(BeEquivalentTo(4))

		w.remove(testkit.Member("ada").Build())
		immediate("eve")
		Eventually(w.member("eve")).Should(beWaiting)
		Eventually(w.pool(base)).Should(testkit.HaveCondition(usherv1.ConditionFull, metav1.ConditionTrue))
	})

	It("counts bought seats only if it sells them", func(ctx SpecContext) {
		onPlan(ctx, 9, func(b *testkit.PlanBuilder) {
			most := int32(2)
			b.Included(1).Purchase(usherv1.SeatPurchase{Maximum: &most})
		})
		Eventually(capacity).Should(BeEquivalentTo(3))
		Expect(w.pool(base)()).To(testkit.HaveCondition(usherv1.ConditionStalled, metav1.ConditionTrue, usherv1.ReasonAboveMaximum))
		immediate("ada", "bob", "cat", "dan")
		Eventually(w.member("dan")).Should(beWaiting)
		change(func(s *usherv1.PlanSpec) { s.SeatPurchase.Maximum = nil })
		Eventually(w.member("dan")).Should(be(usherv1.ObservedActive, usherv1.ReasonActivated))
		Eventually(w.pool(base)).Should(testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionTrue))
	})

	It("that sells seats only when all are assigned counts bought seats from then on", func(ctx SpecContext) {
		onPlan(ctx, 1, func(b *testkit.PlanBuilder) {
			yes := true
			b.Purchase(usherv1.SeatPurchase{WhenFull: &yes})
		})
		Eventually(capacity).Should(BeEquivalentTo(1))
		w.scale(base, 3)
		Eventually(w.pool(base)).Should(testkit.HaveCondition(usherv1.ConditionStalled, metav1.ConditionTrue, usherv1.ReasonSeatsUnassigned))
		Expect(capacity()).To(BeEquivalentTo(1))
		immediate("ada", "bob")
		Eventually(w.member("bob")).Should(be(usherv1.ObservedActive, usherv1.ReasonActivated))
		Eventually(capacity).Should(BeEquivalentTo(3))
	})

	It("includes seats of an add-on for accounts that have the add-on", func(ctx SpecContext) {
		onPlan(ctx, 2, func(b *testkit.PlanBuilder) { b.AddOn("pipelines", 1, usherv1.SeatPurchase{}) })
		w.create(testkit.SeatPool("pipes").AddOn("pipelines").Build(), testkit.Member("ada").Pools(base, "pipes").Immediate().Build())
		Eventually(w.member("ada")).Should(be(usherv1.ObservedActive, usherv1.ReasonActivated))

		edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) { a.Spec.AddOns = nil })
		Eventually(w.pool("pipes")).Should(SatisfyAll(
			testkit.HaveCondition(usherv1.ConditionReconciling, metav1.ConditionTrue, usherv1.ReasonAddOnNotInAccount),
			testkit.HaveCondition(usherv1.ConditionOverCapacity, metav1.ConditionTrue)))
		Expect(w.holders("pipes")).To(Equal([]string{"ada"}), "no member is evicted")
	})

	It("makes the first member the owner and defines roles and rights, without an effect on mails and seats", func(ctx SpecContext) {
		o := onPlan(ctx, 3, func(b *testkit.PlanBuilder) { b.Rights("orders:place", "invoices:view").Admin("admin") })
		w.hire("ada", "bob")
		Eventually(w.member("bob")).Should(beInvited)
		Eventually(w.member("ada")).Should(SatisfyAll(beInvited, HaveField("Status.Role", "admin"),
			HaveField("Status.Rights", []usherv1.Right{"invoices:view", "orders:place"})))
		Expect(w.member("bob")().Status.Role).To(Equal("member"))
		Expect(w.member("bob")().Status.Rights).To(BeEmpty())
		w.accept("bob")
		Eventually(w.member("bob")).Should(beActive)
		Expect(w.account().Status.Owner).To(BeNil(), "no admin is Active yet")
		w.accept("ada")
		Eventually(func() *usherv1.AccountOwner { return w.account().Status.Owner }).Should(HaveField("Name", "ada"))

		o.settles()
		mails, claims := len(w.mailed()), w.pool(base)().Status.Claims
		w.editMember("bob", func(m *usherv1.Member) { m.Spec.Rights = []usherv1.Right{"orders:place"} })
		Eventually(w.member("bob")).Should(HaveField("Status.Rights", []usherv1.Right{"orders:place"}))
		w.editMember("bob", func(m *usherv1.Member) { m.Spec.Rights = []usherv1.Right{"orders:cancel"} })
		Eventually(w.member("bob")).Should(be(usherv1.ObservedPending, usherv1.ReasonRightNotInPlan))
		w.editMember("bob", func(m *usherv1.Member) { m.Spec.Rights, m.Spec.Role = nil, "boss" })
		Eventually(w.member("bob")).Should(be(usherv1.ObservedPending, usherv1.ReasonRoleNotInPlan))
		change(func(s *usherv1.PlanSpec) { s.Roles = append(s.Roles, usherv1.PlanRole{Name: "boss"}) })
		Eventually(w.member("bob")).Should(SatisfyAll(beActive, HaveField("Status.Role", "boss")))
		o.settles()
		Expect(w.mailed()).To(HaveLen(mails))
		Expect(w.pool(base)().Status.Claims).To(Equal(claims))

		w.remove(testkit.Member("ada").Build())
		w.editMember("bob", func(m *usherv1.Member) { m.Spec.Role = "" })
		Eventually(w.member("bob")).Should(SatisfyAll(beActive, HaveField("Status.ObservedGeneration", w.member("bob")().Generation)))
	})

	It("that does not exist yet makes the account wait", func(ctx SpecContext) {
		onPlan(ctx, 3, func(b *testkit.PlanBuilder) { b.Admin("admin") })
		immediate("ada")
		Eventually(w.member("ada")).Should(be(usherv1.ObservedActive, usherv1.ReasonActivated))
		Expect(w.api.Delete(ctx, testkit.Plan(w.namespace).Build())).To(Succeed())
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonPlanNotFound))
		Eventually(w.account).Should(testkit.HaveCondition(usherv1.ConditionReconciling, metav1.ConditionTrue, usherv1.ReasonPlanNotFound))
		Eventually(w.pool(base)).Should(testkit.HaveCondition(usherv1.ConditionReconciling, metav1.ConditionTrue, usherv1.ReasonPlanNotFound))
		Expect(w.holders(base)).To(Equal([]string{"ada"}))
		Expect(w.api.Create(ctx, testkit.Plan(w.namespace).Admin("admin").Build())).To(Succeed())
		Eventually(w.member("ada")).Should(SatisfyAll(be(usherv1.ObservedActive, usherv1.ReasonActivated), HaveField("Status.Role", "admin")))
	})
})
