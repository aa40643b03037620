// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/utils/ptr"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/plan"
)

// Purchase refuses to buy seats that the plan does not sell, or does not sell now. before is nil for a new pool; pools
// are all of the namespace.
func Purchase(before, after *usherv1.SeatPool, pools []usherv1.SeatPool, terms plan.Terms) string {
	if terms.Problem != "" || bought(after) <= bought(before) {
		return ""
	}
	return terms.SeatsOf(after, pools).Problem
}

func bought(p *usherv1.SeatPool) int32 {
	if p == nil {
		return 0
	}
	return ptr.Deref(p.Spec.Seats, 0)
}

// Shrinks warns if fewer seats remain than are claimed.
func Shrinks(before, after *usherv1.SeatPool, pools []usherv1.SeatPool, terms plan.Terms) string {
	if bought(after) >= bought(before) {
		return ""
	}
	return overdrawn(after, pools, terms)
}

func overdrawn(pool *usherv1.SeatPool, pools []usherv1.SeatPool, terms plan.Terms) string {
	claims, capacity := len(pool.Status.Claims), terms.SeatsOf(pool, pools).Capacity()
	if claims <= capacity {
		return ""
	}
	return fmt.Sprintf(
		"%d seats of SeatPool %s are claimed and there will be %d; no member is evicted, and no seat is granted until %d are given back",
		claims,
		pool.Name,
		capacity,
		claims-capacity+1,
	)
}

// Joins reports whether a change makes a member want a seat that it did not want before. before is nil for a new
// member.
func Joins(before, after *usherv1.Member, now time.Time) bool {
	return Wants(after, now) && (before == nil || !Wants(before, now) || !slices.Equal(before.Spec.SeatPoolRefs, after.Spec.SeatPoolRefs))
}

// Waits warns that there are more members than seats; one more member is about to want a seat of pool.
func Waits(pool *usherv1.SeatPool) string {
	if pool.Status.Available == nil {
		return ""
	}
	free, needs := *pool.Status.Available, ptr.Deref(pool.Status.Waiting, 0)+1
	if needs <= free {
		return ""
	}
	return fmt.Sprintf("SeatPool %s needs %d, %d free: %d will wait; add seats with: kubectl scale seatpool %s -n %s --replicas=%d",
		pool.Name, needs, free, needs-free, pool.Name, pool.Namespace, bought(pool)+needs-free)
}
