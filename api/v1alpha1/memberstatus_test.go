// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// The Member's half of the seat protocol: nobody is Active without a seat, and what was given back stays given back.
var _ = Describe("A member's status", func() {
	const (
		pending  = v1alpha1.ObservedPending
		active   = v1alpha1.ObservedActive
		disabled = v1alpha1.ObservedDisabled
	)
	var member *v1alpha1.Member

	BeforeEach(func(ctx SpecContext) {
		member = testkit.Member("ada").In(testkit.Namespace(ctx, server)).Build()
		Expect(c.Create(ctx, member)).To(Succeed())
	})

	// write is what the Member reconciler does: state and seats in one write.
	write := func(ctx context.Context, state v1alpha1.ObservedState, seats ...v1alpha1.MemberSeat) error {
		GinkgoHelper()
		Expect(c.Get(ctx, client.ObjectKeyFromObject(member), member)).To(Succeed())
		member.Status.State, member.Status.Seats = state, seats
		return c.Status().Update(ctx, member)
	}
	seat := func(grant, released int64) v1alpha1.MemberSeat {
		return v1alpha1.MemberSeat{Pool: "base", PoolUID: "p", Grant: grant, ReleasedGrant: released}
	}
	addOnSeat := func(grant, released int64) v1alpha1.MemberSeat {
		return v1alpha1.MemberSeat{Pool: "pipes", AddOn: "pipelines", Grant: grant, ReleasedGrant: released}
	}
	noSeat := BeRefused("status.seats", activeWithout)
	wentDown := BeRefused("status.seats", releasedGoesUp)

	It("is Active only with a seat of the base product", func(ctx SpecContext) {
		Expect(write(ctx, active)).To(noSeat, "at the first write, too")
		Expect(write(ctx, active, seat(0, 0))).To(noSeat)
		Expect(write(ctx, active, seat(7, 7))).To(noSeat, "given back")
		Expect(write(ctx, active, seat(7, 9))).To(noSeat)
		Expect(write(ctx, active, addOnSeat(7, 0))).To(noSeat, "an add-on's seat is not enough")
		Expect(write(ctx, active, addOnSeat(7, 0), seat(7, 7))).To(noSeat)
		Expect(write(ctx, active, addOnSeat(7, 7), seat(8, 7))).To(Succeed())
	})

	It("may be Pending or Disabled without one", func(ctx SpecContext) {
		Expect(write(ctx, pending)).To(Succeed())
		Expect(write(ctx, disabled)).To(Succeed())
		Expect(write(ctx, "")).To(Succeed())
	})

	It("gives a seat back only with its access", func(ctx SpecContext) {
		Expect(write(ctx, active, seat(7, 0))).To(Succeed())
		Expect(write(ctx, active, seat(7, 7))).To(noSeat)
		Expect(write(ctx, active)).To(noSeat)
		Expect(write(ctx, disabled, seat(7, 7))).To(Succeed())
		Expect(write(ctx, active, seat(7, 7))).To(noSeat, "an old grant is worth nothing")
		Expect(write(ctx, active, seat(8, 7))).To(Succeed())
	})

	It("never takes back what was given back", func(ctx SpecContext) {
		Expect(write(ctx, disabled, seat(7, 7))).To(Succeed())
		Expect(write(ctx, pending, seat(7, 6))).To(wentDown)
		Expect(write(ctx, active, seat(7, 0))).To(wentDown)
		Expect(write(ctx, pending, seat(7, 7))).To(Succeed())
		Expect(write(ctx, pending, seat(9, 8))).To(Succeed())
	})

	It("keeps the releases of each pool apart", func(ctx SpecContext) {
		Expect(write(ctx, pending, seat(7, 7), addOnSeat(3, 3))).To(Succeed())
		Expect(write(ctx, pending, seat(7, 7), addOnSeat(3, 2))).To(wentDown)
		Expect(write(ctx, pending, addOnSeat(3, 3), seat(7, 7))).To(Succeed(), "in any order")
		moved := v1alpha1.MemberSeat{Pool: "other", Grant: 1}
		Expect(write(ctx, active, seat(7, 7), moved)).To(Succeed(), "another pool counts from its own")
	})

	It("may be lost", func(ctx SpecContext) {
		Expect(write(ctx, active, seat(7, 2))).To(Succeed())
		Expect(c.Status().Patch(ctx, member, client.RawPatch(types.MergePatchType, []byte(`{"status":null}`)))).To(Succeed())
		Expect(member.Status).To(Equal(v1alpha1.MemberStatus{ObservedGeneration: -1}))
	})

	It("does not stand in the way of a change of spec", func(ctx SpecContext) {
		Expect(write(ctx, active, seat(7, 2))).To(Succeed())
		member.Spec.Role = "admin"
		Expect(c.Update(ctx, member)).To(Succeed())
		Expect(member.Status.State).To(Equal(active))
	})

	It("names a pool once", func(ctx SpecContext) {
		Expect(write(ctx, pending, seat(7, 7), seat(8, 7))).To(BeRefused("status.seats[1]", duplicate))
	})
})

var _ = Describe("A member's name", func() {
	It("leaves room for that of its credentials", func(ctx SpecContext) {
		ns := testkit.Namespace(ctx, server)
		long := func(n int) *v1alpha1.Member {
			return testkit.Member(strings.Repeat("a", n)).Email("a@b").In(ns).Build()
		}
		Expect(c.Create(ctx, long(240))).To(Succeed())
		Expect(c.Create(ctx, long(241))).To(BeRefused("<nil>", memberNameLimit))
	})
})
