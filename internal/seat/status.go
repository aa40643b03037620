// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seat

import (
	"fmt"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
)

// LedgerOf is the ledger that the pool's status holds.
func LedgerOf(pool *usherv1.SeatPool) Ledger {
	return Ledger{Claims: pool.Status.Claims, LastGrant: pool.Status.LastGrant}
}

// Capacity is how many seats the pool has: those of the plan and those bought.
func Capacity(pool *usherv1.SeatPool, included int32) int {
	capacity := int(included)
	if pool.Spec.Seats != nil {
		capacity += int(*pool.Spec.Seats)
	}
	return capacity
}

// StatusOf is the status of a pool with that ledger and that many seats included in the plan, at now.
func StatusOf(pool *usherv1.SeatPool, ledger Ledger, included int32, now time.Time) usherv1.SeatPoolStatus {
	s := *pool.Status.DeepCopy()
	capacity, claims := Capacity(pool, included), len(ledger.Claims)
	count := func(n int) *int32 {
		n32 := int32(n)
		return &n32
	}
	s.ObservedGeneration = pool.Generation
	s.Included = included
	s.Capacity = count(capacity)
	s.Assigned = count(ledger.Assigned)
	s.Reserved = count(ledger.Reserved)
	s.Available = count(max(0, min(capacity, MaxClaims)-claims))
	s.Waiting = count(ledger.Waiting)
	s.LastGrant = ledger.LastGrant
	s.Claims = ledger.Claims

	w := conditions.Writer{List: &s.Conditions, Generation: pool.Generation, Now: now}
	if claims >= min(capacity, MaxClaims) {
		w.Set(usherv1.ConditionFull, true, usherv1.ReasonAllSeatsTaken, fmt.Sprintf(
			"All %d seats are claimed; add some with: kubectl scale seatpool %s -n %s --replicas=%d", capacity, pool.Name, pool.Namespace, claims-int(included)+max(1, ledger.Waiting)))
	} else {
		w.Set(usherv1.ConditionFull, false, usherv1.ReasonSeatsAvailable, "")
	}
	if claims > capacity {
		w.Set(usherv1.ConditionOverCapacity, true, usherv1.ReasonSeatsReduced, fmt.Sprintf(
			"%d seats are claimed and there are %d; nobody is evicted, and none are given until %d came back", claims, capacity, claims-capacity+1))
	} else {
		w.Set(usherv1.ConditionOverCapacity, false, usherv1.ReasonWithinCapacity, "")
	}
	if pool.DeletionTimestamp != nil {
		w.SetReady(conditions.Working, usherv1.ReasonDeleting, fmt.Sprintf("Waiting for %d members to give their seats back", claims))
	} else {
		w.SetReady(conditions.Done, usherv1.ReasonLedgerCurrent, "")
	}
	return s
}
