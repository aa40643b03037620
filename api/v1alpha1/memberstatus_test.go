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

// The Member's half of the seat protocol: no member is Active without a seat, and a released grant stays released.
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

	// write does what the Member reconciler does: state and seats in one write.
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
	releaseFell := BeRefused("status.seats", releasedGoesUp)

	It("is Active only with a seat of the base product", func(ctx SpecContext) {
		Expect(write(ctx, active)).To(noSeat, "also at the first write")
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

	It("gives a seat back only together with its access", func(ctx SpecContext) {
		Expect(write(ctx, active, seat(7, 0))).To(Succeed())
		Expect(write(ctx, active, seat(7, 7))).To(noSeat)
		Expect(write(ctx, active)).To(noSeat)
		Expect(write(ctx, disabled, seat(7, 7))).To(Succeed())
		Expect(write(ctx, active, seat(7, 7))).To(noSeat, "a released grant does not count")
		Expect(write(ctx, active, seat(8, 7))).To(Succeed())
	})

	It("never reclaims a released grant", func(ctx SpecContext) {
		Expect(write(ctx, disabled, seat(7, 7))).To(Succeed())
		Expect(write(ctx, pending, seat(7, 6))).To(releaseFell)
		Expect(write(ctx, active, seat(7, 0))).To(releaseFell)
		Expect(write(ctx, pending, seat(7, 7))).To(Succeed())
		Expect(write(ctx, pending, seat(9, 8))).To(Succeed())
	})

	It("tracks the releases of each pool separately", func(ctx SpecContext) {
		Expect(write(ctx, pending, seat(7, 7), addOnSeat(3, 3))).To(Succeed())
		Expect(write(ctx, pending, seat(7, 7), addOnSeat(3, 2))).To(releaseFell)
		Expect(write(ctx, pending, addOnSeat(3, 3), seat(7, 7))).To(Succeed(), "in any order")
		moved := v1alpha1.MemberSeat{Pool: "other", Grant: 1}
		Expect(write(ctx, active, seat(7, 7), moved)).To(Succeed(), "another pool has its own releases")
	})

	It("may be lost", func(ctx SpecContext) {
		Expect(write(ctx, active, seat(7, 2))).To(Succeed())
		Expect(c.Status().Patch(ctx, member, client.RawPatch(types.MergePatchType, []byte(`{"status":null}`)))).To(Succeed())
		Expect(member.Status).To(Equal(v1alpha1.MemberStatus{ObservedGeneration: -1}))
	})

	It("does not block a change of spec", func(ctx SpecContext) {
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
	It("leaves room for the name of its credentials Secret", func(ctx SpecContext) {
		ns := testkit.Namespace(ctx, server)
		long := func(n int) *v1alpha1.Member {
			return testkit.Member(strings.Repeat("a", n)).Email("a@b").In(ns).Build()
		}
		Expect(c.Create(ctx, long(240))).To(Succeed())
		Expect(c.Create(ctx, long(241))).To(BeRefused("<nil>", memberNameLimit))
	})
})
