// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seat

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

func TestCapacity(t *testing.T) {
	g := NewWithT(t)
	bought, none := pool("base", seats(10)), pool("base")
	g.Expect(Capacity(&bought, 3)).To(Equal(13))
	g.Expect(Capacity(&bought, 0)).To(Equal(10))
	g.Expect(Capacity(&none, 3)).To(Equal(3))
	g.Expect(Capacity(&none, 0)).To(BeZero())
}

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
		fullMessage   string
		ready         metav1.ConditionStatus
		reconciling   bool
		readyContains string
	}{
		{name: "room", pool: pool("base", seats(3)), ledger: Ledger{Claims: claims(2), Assigned: 1, Reserved: 1, LastGrant: 9}, available: 1, ready: metav1.ConditionTrue},
		{
			name: "full", pool: pool("base", seats(2)), ledger: Ledger{Claims: claims(2), Reserved: 2, Waiting: 3}, full: true, ready: metav1.ConditionTrue,
			fullMessage: "All 2 seats are claimed; add some with: kubectl scale seatpool base -n acme --replicas=5",
		},
		{
			name: "full, nobody waits", pool: pool("base", seats(2)), ledger: Ledger{Claims: claims(2), Reserved: 2}, full: true, ready: metav1.ConditionTrue,
			fullMessage: "All 2 seats are claimed; add some with: kubectl scale seatpool base -n acme --replicas=3",
		},
		{name: "shrunk below the claims", pool: pool("base", seats(1)), ledger: Ledger{Claims: claims(3), Reserved: 3}, full: true, over: true, ready: metav1.ConditionTrue},
		{
			name: "no seats", pool: pool("base"), ledger: Ledger{Claims: claims(0)}, full: true, ready: metav1.ConditionTrue,
			fullMessage: "All 0 seats are claimed; add some with: kubectl scale seatpool base -n acme --replicas=1",
		},
		{
			name: "being deleted", pool: pool("base", seats(3), terminating), ledger: Ledger{Claims: claims(2), Reserved: 2}, available: 1,
			ready: metav1.ConditionFalse, reconciling: true, readyContains: "2 members",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			s := StatusOf(&tt.pool, tt.ledger, 0, t0)
			g.Expect(s.ObservedGeneration).To(Equal(tt.pool.Generation))
			g.Expect(s.Claims).To(Equal(tt.ledger.Claims))
			g.Expect(s.LastGrant).To(Equal(tt.ledger.LastGrant))
			g.Expect(*s.Assigned).To(BeEquivalentTo(tt.ledger.Assigned))
			g.Expect(*s.Reserved).To(BeEquivalentTo(tt.ledger.Reserved))
			g.Expect(*s.Waiting).To(BeEquivalentTo(tt.ledger.Waiting))
			g.Expect(*s.Capacity).To(BeEquivalentTo(Capacity(&tt.pool, 0)))
			g.Expect(*s.Available).To(Equal(tt.available))
			g.Expect(meta.IsStatusConditionTrue(s.Conditions, usherv1.ConditionFull)).To(Equal(tt.full), "Full")
			g.Expect(meta.IsStatusConditionTrue(s.Conditions, usherv1.ConditionOverCapacity)).To(Equal(tt.over), "OverCapacity")
			ready := meta.FindStatusCondition(s.Conditions, usherv1.ConditionReady)
			g.Expect(ready.Status).To(Equal(tt.ready))
			g.Expect(ready.Message).To(ContainSubstring(tt.readyContains))
			g.Expect(meta.IsStatusConditionTrue(s.Conditions, usherv1.ConditionReconciling)).To(Equal(tt.reconciling), "Reconciling")
			if tt.fullMessage != "" {
				g.Expect(meta.FindStatusCondition(s.Conditions, usherv1.ConditionFull).Message).To(Equal(tt.fullMessage))
			}

			// Nothing changed, nothing to write.
			tt.pool.Status = s
			g.Expect(LedgerOf(&tt.pool).Claims).To(Equal(tt.ledger.Claims))
			g.Expect(StatusOf(&tt.pool, tt.ledger, 0, minute(5))).To(Equal(s))
		})
	}
}
