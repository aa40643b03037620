// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// These specs run without webhooks: everything gets past admission.
var _ = Describe("Without the admission webhooks, a change that they refuse", func() {
	// guarded creates a world whose account has a plan, which change edits, and that many bought seats.
	guarded := func(ctx context.Context, seats int32, change func(*testkit.PlanBuilder)) *world {
		GinkgoHelper()
		w := newWorld(ctx, smtpsink.Options{})
		b := testkit.Plan(w.namespace).Rights("orders:place").Role("guest").Admin("admin")
		change(b)
		plan := b.Build()
		Expect(w.api.Create(ctx, plan)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(w.api.Delete(ctx, plan)).To(Succeed()) })
		account := testkit.Account(testkit.DefaultAccount).Build()
		account.Spec.PlanRef = &usherv1.PlanReference{Name: w.namespace}
		w.create(account, testkit.SeatPool(base).Seats(seats).Build())
		w.start()
		return w
	}
	activated := be(usherv1.ObservedActive, usherv1.ReasonActivated)

	It("that leaves the account without an admin is reported, with what to do, until it has one again", func(ctx SpecContext) {
		w := guarded(ctx, 3, func(*testkit.PlanBuilder) {})
		lost := testkit.HaveCondition(usherv1.ConditionNoAdmin, metav1.ConditionTrue, usherv1.ReasonLastAdminLost)
		has := func(lost types.GomegaMatcher) { GinkgoHelper(); Eventually(w.account).Should(lost) }
		found := func() {
			GinkgoHelper()
			Eventually(func() *metav1.Condition {
				return meta.FindStatusCondition(w.account().Status.Conditions, usherv1.ConditionNoAdmin)
			}).Should(BeNil())
		}
		w.create(testkit.Member("bob").Immediate().Role("member").Build())
		Eventually(w.member("bob")).Should(activated)
		w.create(testkit.Member("ada").Immediate().Role("admin").Build())
		Eventually(func() *usherv1.AccountOwner { return w.account().Status.Owner }).Should(HaveField("Name", "ada"))
		found()

		By("disabling")
		w.disable("ada")
		has(lost)
		Expect(meta.FindStatusCondition(w.account().Status.Conditions, usherv1.ConditionNoAdmin).Message).To(Equal(
			"No member of the account is an Active admin any more; give one an admin role, or enable one that has it"))
		w.enable("ada")
		found()

		By("demoting")
		w.editMember("ada", func(m *usherv1.Member) { m.Spec.Role = "member" })
		has(lost)
		w.editMember("bob", func(m *usherv1.Member) { m.Spec.Role = "admin" })
		found()

		By("deleting")
		w.remove(testkit.Member("bob").Build())
		has(lost)
		Eventually(exists(w, testkit.Member("bob").Build())).Should(BeFalse())
		has(lost)
		w.editMember("ada", func(m *usherv1.Member) { m.Spec.Role = "admin" })
		found()
		Eventually(func() []string {
			var list corev1.EventList
			Expect(w.api.List(ctx, &list, client.InNamespace(w.namespace), client.MatchingFields{"reason": usherv1.ReasonLastAdminLost})).To(Succeed())
			var said []string
			for _, e := range list.Items {
				said = append(said, e.InvolvedObject.Kind+" "+e.Type)
			}
			return said
		}).Should(ContainElement("Account Warning"))
	})

	It("to the role of an invited member has no effect before the acceptance, unless the plan allows it", func(ctx SpecContext) {
		w := guarded(ctx, 2, func(b *testkit.PlanBuilder) { b.InvitedRole("guest") })
		w.hire("ada")
		Eventually(w.member("ada")).Should(SatisfyAll(beInvited, HaveField("Status.Role", "guest")))
		w.editMember("ada", func(m *usherv1.Member) { m.Spec.Role = "admin" })
		Eventually(w.member("ada")).Should(SatisfyAll(beInvited, HaveField("Status.Role", "guest"),
			WithTransform(func(m *usherv1.Member) bool { return m.Status.ObservedGeneration == m.Generation }, BeTrue())))
		w.accept("ada")
		Eventually(w.member("ada")).Should(SatisfyAll(beActive, HaveField("Status.Role", "admin")))
	})

	It("to a role, a right or seats that the plan does not have gives no seat and no access", func(ctx SpecContext) {
		w := guarded(ctx, 5, func(b *testkit.PlanBuilder) {
			b.Included(1).Purchase(usherv1.SeatPurchase{Policy: usherv1.PurchaseNotAllowed})
		})
		w.create(testkit.Member("ada").Immediate().Build())
		Eventually(w.member("ada")).Should(activated)
		w.create(testkit.Member("bob").Immediate().Build(), testkit.Member("cat").Immediate().Role("boss").Build(), testkit.Member("dan").Immediate().Rights("planes:fly").Build())
		Eventually(w.member("bob")).Should(beWaiting)
		Eventually(w.member("cat")).Should(be(usherv1.ObservedPending, usherv1.ReasonRoleNotInPlan))
		Eventually(w.member("dan")).Should(be(usherv1.ObservedPending, usherv1.ReasonRightNotInPlan))
		Expect(w.holders(base)).To(Equal([]string{"ada"}))
		Expect(w.pool(base)()).To(testkit.HaveCondition(usherv1.ConditionStalled, metav1.ConditionTrue, usherv1.ReasonPurchaseNotAllowed))
	})
})
