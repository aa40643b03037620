// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seat

import (
	"fmt"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/plan"
)

// LedgerOf is the ledger that the pool's status holds.
func LedgerOf(pool *usherv1.SeatPool) Ledger {
	return Ledger{Claims: pool.Status.Claims, LastGrant: pool.Status.LastGrant}
}

// StatusOf is the status of a pool with that ledger and those seats, at now.
func StatusOf(pool *usherv1.SeatPool, ledger Ledger, seats plan.Seats, now time.Time) usherv1.SeatPoolStatus {
	s := *pool.Status.DeepCopy()
	capacity, claims := seats.Capacity(), len(ledger.Claims)
	count := func(n int) *int32 {
		n32 := int32(n)
		return &n32
	}
	s.ObservedGeneration = pool.Generation
	s.Included = seats.Included
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
			"All %d seats are claimed; %s", capacity, howToAdd(pool, seats, claims-int(seats.Included)+max(1, ledger.Waiting))))
	} else {
		w.Set(usherv1.ConditionFull, false, usherv1.ReasonSeatsAvailable, "")
	}
	if claims > capacity {
		w.Set(usherv1.ConditionOverCapacity, true, usherv1.ReasonSeatsReduced, fmt.Sprintf(
			"%d seats are claimed and there are %d; nobody is evicted, and none are given until %d came back", claims, capacity, claims-capacity+1))
	} else {
		w.Set(usherv1.ConditionOverCapacity, false, usherv1.ReasonWithinCapacity, "")
	}
	switch {
	case pool.DeletionTimestamp != nil:
		w.SetReady(conditions.Working, usherv1.ReasonDeleting, fmt.Sprintf("Waiting for %d members to give their seats back", claims))
	case seats.Problem == "":
		w.SetReady(conditions.Done, usherv1.ReasonLedgerCurrent, "")
	case seats.Passing:
		w.SetReady(conditions.Working, seats.Reason, seats.Problem)
	default:
		w.SetReady(conditions.Stuck, seats.Reason, seats.Problem)
	}
	return s
}

// howToAdd says how to get so many bought seats, or what to do where they are not for sale.
func howToAdd(pool *usherv1.SeatPool, seats plan.Seats, wanted int) string {
	switch {
	case seats.Problem != "":
		return "see Ready for why no more count"
	case seats.Bought >= seats.Most:
		return "no more can be bought; " + seats.Advice
	}
	return fmt.Sprintf("add some with: kubectl scale seatpool %s -n %s --replicas=%d", pool.Name, pool.Namespace, min(wanted, int(seats.Most)))
}
