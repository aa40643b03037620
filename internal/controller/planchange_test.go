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

var _ = Describe("A change of plan", func() {
	var (
		w          *world
		small, big string
	)
	BeforeEach(func(ctx SpecContext) {
		w = newWorld(ctx, smtpsink.Options{})
		small, big = w.namespace+"-small", w.namespace+"-big"
		for _, plan := range []*usherv1.Plan{
			testkit.Plan(small).Included(1).Purchase(usherv1.SeatPurchase{Policy: usherv1.PurchaseNotAllowed}).
				Rights("orders:place").Admin("admin").Role("seller", "orders:place").Build(),
			testkit.Plan(big).Included(3).AddOn("pipelines", 1, usherv1.SeatPurchase{}).
				Rights("orders:place", "invoices:view").Admin("admin").Role("seller", "orders:place", "invoices:view").Role("buyer", "invoices:view").Build(),
		} {
			Expect(w.api.Create(ctx, plan)).To(Succeed())
			DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(w.api.Delete(ctx, plan))).To(Succeed()) })
		}
		account := testkit.Account(testkit.DefaultAccount).Build()
		account.Spec.PlanRef, account.Spec.AddOns = &usherv1.PlanReference{Name: big}, []string{"pipelines"}
		w.create(account, testkit.SeatPool(base).Build(), testkit.SeatPool("pipes").AddOn("pipelines").Build())
	})
	moveTo := func(plan string) {
		GinkgoHelper()
		edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) { a.Spec.PlanRef.Name = plan })
	}
	may := func(name, verb, resource string) func() bool {
		return func() bool {
			GinkgoHelper()
			return w.may(name+"@acme.example", verb, "rights.usher.dev", resource)
		}
	}

	It("withdraws no seat, reports what exceeds the new plan, and sends no mail", func(ctx SpecContext) {
		o := w.start()
		w.create(testkit.Member("ada").Immediate().Build())
		Eventually(w.member("ada")).Should(SatisfyAll(be(usherv1.ObservedActive, usherv1.ReasonActivated), HaveField("Status.Role", "admin")))
		w.create(testkit.Member("bob").Role("seller").Pools(base, "pipes").Build(), testkit.Member("cat").Role("buyer").Build())
		w.activate("bob")
		w.activate("cat")
		Eventually(may("bob", "view", "invoices")).Should(BeTrue())
		Eventually(may("cat", "view", "invoices")).Should(BeTrue())
		o.settles()
		mails := len(w.mailed())

		moveTo(small)
		over := testkit.HaveCondition(usherv1.ConditionOverCapacity, metav1.ConditionTrue, usherv1.ReasonSeatsReduced)
		Eventually(w.pool(base)).Should(over)
		Eventually(w.pool("pipes")).Should(SatisfyAll(over, testkit.HaveCondition(usherv1.ConditionReconciling, metav1.ConditionTrue, usherv1.ReasonAddOnNotInPlan)))
		Eventually(w.account).Should(testkit.HaveCondition(usherv1.ConditionReconciling, metav1.ConditionTrue, usherv1.ReasonAddOnNotInPlan))
		Eventually(may("bob", "view", "invoices")).Should(BeFalse(), "a right that the plan does not have")
		Eventually(w.member("cat")).Should(be(usherv1.ObservedPending, usherv1.ReasonRoleNotInPlan))
		Eventually(may("cat", "view", "invoices")).Should(BeFalse())
		o.settles()
		Expect(w.member("bob")()).To(SatisfyAll(beActive, HaveField("Status.Rights", []usherv1.Right{"orders:place"})))
		Expect(may("bob", "place", "orders")()).To(BeTrue())
		Expect(may("ada", "place", "orders")()).To(BeTrue())
		Expect(w.holders(base)).To(Equal([]string{"ada", "bob", "cat"}))
		Expect(w.holders("pipes")).To(Equal([]string{"bob"}))
		w.create(testkit.Member("dan").Immediate().Build())
		Eventually(w.member("dan")).Should(beWaiting)

		moveTo(big)
		Eventually(w.member("cat")).Should(beActive)
		Eventually(may("cat", "view", "invoices")).Should(BeTrue())
		Eventually(may("bob", "view", "invoices")).Should(BeTrue())
		Eventually(w.account).Should(testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionTrue, usherv1.ReasonUpToDate))
		for _, pool := range []string{base, "pipes"} {
			Eventually(w.pool(pool)).Should(SatisfyAll(
				testkit.HaveCondition(usherv1.ConditionOverCapacity, metav1.ConditionFalse), testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionTrue)))
		}
		o.settles()
		Expect(w.member("dan")()).To(beWaiting)
		Expect(w.mailed()).To(HaveLen(mails))
	})

	It("to roles with other rights changes the rights of all members with the role", func(ctx SpecContext) {
		w.start()
		w.create(testkit.Member("ada").Immediate().Role("seller").Build())
		Eventually(may("ada", "view", "invoices")).Should(BeTrue())
		change := func(rights ...usherv1.Right) {
			GinkgoHelper()
			plan := testkit.Plan(big).Build()
			Eventually(func() error {
				if err := w.api.Get(context.Background(), client.ObjectKeyFromObject(plan), plan); err != nil {
					return err
				}
				for i := range plan.Spec.Roles {
					if plan.Spec.Roles[i].Name == "seller" {
						plan.Spec.Roles[i].Rights = rights
					}
				}
				return w.api.Update(context.Background(), plan)
			}).Should(Succeed())
		}
		change("orders:place")
		Eventually(may("ada", "view", "invoices")).Should(BeFalse())
		Expect(may("ada", "place", "orders")()).To(BeTrue())
		change()
		Eventually(may("ada", "place", "orders")).Should(BeFalse())
		change("invoices:view")
		Eventually(may("ada", "view", "invoices")).Should(BeTrue())
	})
})
