// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
)

var _ = Describe("Three seats and five members", func() {
	five := []string{"a1", "a2", "a3", "a4", "a5"}

	It("invite three, and the others in order as seats become free", func(ctx SpecContext) {
		w, o := running(ctx, 3)
		w.hire(five...)
		for _, name := range five[:3] {
			Eventually(w.member(name)).Should(beInvited)
		}
		for _, name := range five[3:] {
			Eventually(w.member(name)).Should(beWaiting)
		}
		o.settles()
		Expect(w.mailed()).To(ConsistOf("a1", "a2", "a3"))
		Expect(w.holders(base)).To(Equal(five[:3]))
		Expect(w.invitations()).To(HaveLen(3), "no invitation without a seat")
		p := w.pool(base)()
		Expect([]int32{*p.Status.Capacity, *p.Status.Assigned, *p.Status.Reserved, *p.Status.Available, *p.Status.Waiting}).
			To(Equal([]int32{3, 0, 3, 0, 2}))
		Expect(p).To(testkit.HaveCondition(usherv1.ConditionFull, "True", usherv1.ReasonAllSeatsTaken))

		By("accepting")
		w.accept("a1")
		Eventually(w.member("a1")).Should(beActive)
		Eventually(w.pool(base)).Should(HaveField("Status.Assigned", HaveValue(BeEquivalentTo(1))))
		Expect(w.mailed()).To(HaveLen(3))

		By("declining")
		w.decline("a2")
		Eventually(w.member("a2")).Should(be(usherv1.ObservedPending, usherv1.ReasonInvitationDeclined))
		Eventually(w.member("a4")).Should(beInvited)
		Expect(w.member("a5")()).To(beWaiting)

		By("scaling")
		w.scale(base, 4)
		Eventually(w.member("a5")).Should(beInvited)

		o.settles()
		Expect(w.mailed()).To(ConsistOf("a1", "a2", "a3", "a4", "a5"))
		Expect(w.holders(base)).To(Equal([]string{"a1", "a3", "a4", "a5"}))
		Eventually(w.account).Should(HaveField("Status.SeatsSummary", "1/4"))
		Expect(*w.account().Status.Members).To(Equal(usherv1.MemberCounts{Total: 5, Pending: 4, Active: 1}))
		Expect(w.account()).To(testkit.HaveCondition(usherv1.ConditionActive, "True", usherv1.ReasonMemberActive))
		Expect(w.account()).To(testkit.HaveCondition(usherv1.ConditionReady, "True"))
	})

	DescribeTable("invite the next waiting member when a member", func(ctx SpecContext, free func(*world)) {
		w, o := running(ctx, 1)
		w.hire("a1", "a2", "a3")
		Eventually(w.member("a1")).Should(beInvited)
		Eventually(w.member("a2")).Should(beWaiting)
		Eventually(w.member("a3")).Should(beWaiting)
		free(w)
		Eventually(w.member("a2")).Should(beInvited)
		o.settles()
		Expect(w.holders(base)).To(Equal([]string{"a2"}))
		Expect(w.member("a3")()).To(beWaiting)
		Expect(w.mails("a3")).To(BeEmpty())
	},
		Entry("declines", func(w *world) { w.decline("a1") }),
		Entry("is disabled while invited", func(w *world) { w.disable("a1") }),
		Entry("is disabled while active", func(w *world) {
			w.activate("a1")
			w.disable("a1")
		}),
		Entry("is deleted while invited", func(w *world) { w.remove(testkit.Member("a1").Build()) }),
		Entry("is deleted while active", func(w *world) {
			w.activate("a1")
			w.remove(testkit.Member("a1").Build())
		}),
		Entry("has a revoked invitation", func(w *world) {
			w.editInvitation("a1", func(i *usherv1.Invitation) { i.Spec.State = usherv1.InvitationRevokedWish })
		}),
	)
})
