// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seat

import (
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/reason"
)

// CandidateOf returns what the SeatPool controller has to know of a Member of the pool's account. account is nil if it does not exist;
// terms are those of its plan; pools are all pools of the namespace.
func CandidateOf(
	member *usherv1.Member, pool *usherv1.SeatPool, account *usherv1.Account, terms plan.Terms, pools []usherv1.SeatPool, now time.Time,
) Candidate {
	choice := Choose(member, pools)
	c := Candidate{
		UID:     string(member.UID),
		Name:    member.Name,
		Email:   member.Spec.Email.Key(),
		Created: member.CreationTimestamp.Time,
		Active:  member.Status.State == usherv1.ObservedActive,
		Wants:   wants(member, pool, account, now) && terms.Fit(member) && choice.Problem == "" && choice.Names(pool.Name),
	}
	if member.Status.AcceptedAt != nil {
		c.AcceptedAt = member.Status.AcceptedAt.Time
	}
	for _, s := range member.Status.Seats {
		if s.Pool == pool.Name {
			c.Grant, c.ReleasedGrant = s.Grant, s.ReleasedGrant
		}
	}
	return c
}

// wants reports whether a Member should be given a seat of pool. The seat that it holds already it keeps until it says itself that it gave
// the seat back.
func wants(member *usherv1.Member, pool *usherv1.SeatPool, account *usherv1.Account, now time.Time) bool {
	switch {
	case member.DeletionTimestamp != nil || member.Spec.State == usherv1.StateDisabled || member.Spec.Ended(now):
		return false
	case pool.DeletionTimestamp != nil || account == nil || account.Spec.State == usherv1.StateDisabled:
		return false
	}
	return !reason.OfMember(member).RefusesSeat() && !WaitsForAcceptance(pool, member.Status.AcceptedAt != nil)
}

// WaitsForAcceptance reports whether pool gives no seat to a member that has not accepted.
func WaitsForAcceptance(pool *usherv1.SeatPool, accepted bool) bool {
	return pool.Spec.Reservation == usherv1.ReserveOnAcceptance && !accepted
}
