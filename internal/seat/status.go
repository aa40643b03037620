// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seat

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/plan"
)

// LedgerOf returns the ledger that the pool's status holds.
func LedgerOf(pool *usherv1.SeatPool) Ledger {
	return Ledger{Claims: pool.Status.Claims, LastGrant: pool.Status.LastGrant}
}

// StatusOf returns the status of a pool with that ledger and those seats at now, and when it changes by itself; zero for never.
func StatusOf(pool *usherv1.SeatPool, ledger Ledger, seats plan.Seats, now time.Time) (s usherv1.SeatPoolStatus, wake time.Time) {
	s = *pool.Status.DeepCopy()
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
	setFull(w, pool, ledger, seats)
	setOverCapacity(w, claims, capacity)
	ready := readySentence(pool, ledger, seats)
	if ready.Reason == usherv1.ReasonSeatsInUse {
		w.Set(usherv1.ConditionDeletionBlocked, true, ready.Reason, ready.Message)
	} else {
		meta.RemoveStatusCondition(w.List, usherv1.ConditionDeletionBlocked)
	}
	wake = w.SetReady(ready)
	return s, wake
}
