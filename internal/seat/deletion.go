// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seat

import (
	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// TakesBack reports whether a pool that is being deleted takes its seats back. It does only if a user has allowed that: a pool that
// vanishes by mistake would cut off everyone who has a seat of it. A namespace that is being deleted needs no rule of its own, since its
// members are being deleted, too, and each of them gives its seat back.
func TakesBack(pool *usherv1.SeatPool) bool {
	return pool.DeletionTimestamp != nil && pool.Annotations[usherv1.AllowDeletionAnnotation] == "true"
}

// Keeps reports whether the Member keeps the seat that it holds of a pool that is being deleted. As long as the pool's status has not been
// written again after it was wiped, what the Member recorded of this very pool is enough.
func Keeps(member *usherv1.Member, pool *usherv1.SeatPool) bool {
	if TakesBack(pool) || WaitsForAcceptance(pool, member.Status.AcceptedAt != nil) {
		return false
	}
	for _, s := range member.Status.Seats {
		if s.Pool == pool.Name && s.Held() {
			return pool.Status.Claims[string(member.UID)] > s.ReleasedGrant ||
				pool.Status.ObservedGeneration <= 0 && s.PoolUID == string(pool.UID)
		}
	}
	return false
}
