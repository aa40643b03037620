// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seat

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s.io/utils/ptr"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/plan"
)

func TestStatusOf(t *testing.T) {
	claims := func(n int) map[string]int64 {
		m := map[string]int64{}
		for i := range n {
			m[string(rune('a'+i))] = int64(i + 1)
		}
		return m
	}
	tests := []struct {
		name          string
		pool          usherv1.SeatPool
		ledger        Ledger
		available     int32
		full, over    bool
		seats         *plan.Seats
		fullMessage   string
		ready         metav1.ConditionStatus
		reconciling   bool
		stalled       bool
		readyContains string
	}{
		{
			name: "free seats", pool: pool("base", seats(3)), ledger: Ledger{Claims: claims(2), Assigned: 1, Reserved: 1, LastGrant: 9},
			available: 1, ready: metav1.ConditionTrue,
		},
		{
			name: "full", pool: pool("base", seats(2)), ledger: Ledger{Claims: claims(2), Reserved: 2, Waiting: 3}, full: true, ready: metav1.ConditionTrue,
			fullMessage: "All 2 seats are claimed; add some with: kubectl scale seatpool base -n acme --replicas=5",
		},
		{
			name: "full, no member waits", pool: pool("base", seats(2)), ledger: Ledger{Claims: claims(2), Reserved: 2}, full: true, ready: metav1.ConditionTrue,
			fullMessage: "All 2 seats are claimed; add some with: kubectl scale seatpool base -n acme --replicas=3",
		},
		{name: "shrunk below the claims", pool: pool("base", seats(1)), ledger: Ledger{Claims: claims(3), Reserved: 3}, full: true, over: true, ready: metav1.ConditionTrue},
		{
			name: "no seats", pool: pool("base"), ledger: Ledger{Claims: claims(0)}, full: true, ready: metav1.ConditionTrue,
			fullMessage: "All 0 seats are claimed; add some with: kubectl scale seatpool base -n acme --replicas=1",
		},
		{
			name: "as full as one pool can be", pool: pool("base", seats(10000)), ledger: Ledger{Claims: claims(10000), Reserved: 10000, Waiting: 1}, full: true,
			ready: metav1.ConditionTrue,
			seats: &plan.Seats{Included: 2000, Bought: 10000, Most: 10000},
			fullMessage: "All 10000 seats are claimed; one SeatPool holds 10000 members at most; create another one in the account, and name it in " +
				"spec.seatPoolRefs of further Members",
		},
		{
			name: "full with what the plan includes", pool: pool("base"), ledger: Ledger{Claims: claims(3), Reserved: 3, Waiting: 2}, full: true, ready: metav1.ConditionTrue,
			seats:       &plan.Seats{Included: 3, Most: 10000},
			fullMessage: "All 3 seats are claimed; add some with: kubectl scale seatpool base -n acme --replicas=2",
		},
		{
			name: "full, and more members wait than seats can be bought", pool: pool("base"),
			ledger: Ledger{Claims: claims(3), Reserved: 3, Waiting: 9}, full: true, ready: metav1.ConditionTrue,
			seats:       &plan.Seats{Included: 3, Most: 4},
			fullMessage: "All 3 seats are claimed; add some with: kubectl scale seatpool base -n acme --replicas=4",
		},
		{
			name: "full, and no seats for sale", pool: pool("base"), ledger: Ledger{Claims: claims(1), Reserved: 1}, full: true,
			ready:       metav1.ConditionTrue,
			seats:       &plan.Seats{Included: 1, Advice: "choose another plan"},
			fullMessage: "All 1 seats are claimed; no more can be bought; choose another plan",
		},
		{
			name: "more seats than the plan sells", pool: pool("base", seats(5)), ledger: Ledger{Claims: claims(1), Reserved: 1}, full: true,
			ready:         metav1.ConditionFalse,
			seats:         &plan.Seats{Included: 1, Reason: usherv1.ReasonPurchaseNotAllowed, Problem: "Plan x sells no seats"},
			fullMessage:   "All 1 seats are claimed; see condition Ready of SeatPool base for why no more count",
			readyContains: "sells no seats",
		},
		{
			name: "more seats than the plan sells now", pool: pool("base", seats(5)), ledger: Ledger{Claims: claims(0)}, available: 1,
			ready:         metav1.ConditionFalse,
			seats:         &plan.Seats{Included: 1, Reason: usherv1.ReasonSeatsUnassigned, Problem: "Plan x sells seats only while"},
			readyContains: "only while",
		},
		{
			name: "being deleted", pool: pool("base", seats(3), terminating), ledger: Ledger{Claims: claims(2), Reserved: 2}, available: 1,
			ready: metav1.ConditionFalse, reconciling: true, readyContains: "2 members",
		},
		{
			name: "being deleted as allowed", pool: pool("base", seats(3), terminating, allowed), ledger: Ledger{Claims: claims(2), Reserved: 2, Staying: 2}, available: 1,
			ready: metav1.ConditionFalse, reconciling: true, readyContains: "Waiting for 2 members",
		},
		{
			name: "being deleted, and in use", pool: pool("base", seats(3), terminating), ledger: Ledger{Claims: claims(2), Reserved: 2, Staying: 1}, available: 1,
			ready: metav1.ConditionFalse, stalled: true,
			readyContains: "1 members keep theirs until spec.seatPoolRefs of each names another pool. " +
				"To end their access instead: kubectl annotate seatpool base -n acme usher.dev/allow-deletion=true",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			seats := plan.Seats{Bought: ptr.Deref(tt.pool.Spec.Seats, 0), Most: 10000}
			if tt.seats != nil {
				seats = *tt.seats
			}
			s, _ := StatusOf(&tt.pool, tt.ledger, seats, t0)
			g.Expect(s.ObservedGeneration).To(Equal(tt.pool.Generation))
			g.Expect(s.Claims).To(Equal(tt.ledger.Claims))
			g.Expect(s.LastGrant).To(Equal(tt.ledger.LastGrant))
			g.Expect(*s.Assigned).To(BeEquivalentTo(tt.ledger.Assigned))
			g.Expect(*s.Reserved).To(BeEquivalentTo(tt.ledger.Reserved))
			g.Expect(*s.Waiting).To(BeEquivalentTo(tt.ledger.Waiting))
			g.Expect(*s.Capacity).To(BeEquivalentTo(seats.Capacity()))
			g.Expect(*s.Available).To(Equal(tt.available))
			g.Expect(meta.IsStatusConditionTrue(s.Conditions, usherv1.ConditionFull)).To(Equal(tt.full), "Full")
			g.Expect(meta.IsStatusConditionTrue(s.Conditions, usherv1.ConditionOverCapacity)).To(Equal(tt.over), "OverCapacity")
			ready := meta.FindStatusCondition(s.Conditions, usherv1.ConditionReady)
			g.Expect(ready.Status).To(Equal(tt.ready))
			g.Expect(ready.Message).To(ContainSubstring(tt.readyContains))
			g.Expect(meta.IsStatusConditionTrue(s.Conditions, usherv1.ConditionReconciling)).To(Equal(tt.reconciling), "Reconciling")
			for _, kind := range []string{usherv1.ConditionStalled, usherv1.ConditionDeletionBlocked} {
				if tt.seats == nil { // a plan that does not sell the seats is another reason
					g.Expect(meta.IsStatusConditionTrue(s.Conditions, kind)).To(Equal(tt.stalled), kind)
				}
			}
			if tt.fullMessage != "" {
				g.Expect(meta.FindStatusCondition(s.Conditions, usherv1.ConditionFull).Message).To(Equal(tt.fullMessage))
			}

			// Once the status is written, a second call changes nothing.
			tt.pool.Status = s
			g.Expect(LedgerOf(&tt.pool).Claims).To(Equal(tt.ledger.Claims))
			again, _ := StatusOf(&tt.pool, tt.ledger, seats, minute(5))
			g.Expect(again).To(Equal(s))
		})
	}
}
