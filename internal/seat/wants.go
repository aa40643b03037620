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
	stays := stays(member, account, now)
	c := Candidate{
		UID:     string(member.UID),
		Name:    member.Name,
		Email:   member.EmailInUse().Key(),
		Created: member.CreationTimestamp.Time,
		Active:  member.Status.State == usherv1.ObservedActive,
		Stays:   stays,
		Wants:   stays && wants(member, pool, account) && terms.Fit(member) && choice.Problem == "" && choice.Names(pool.Name),
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

// stays reports whether nothing is known for which a Member gives its seats back, whatever pool they are of.
func stays(member *usherv1.Member, account *usherv1.Account, now time.Time) bool {
	return member.DeletionTimestamp == nil && member.Spec.State != usherv1.StateDisabled && !member.Spec.Ended(now) &&
		account != nil && account.DeletionTimestamp == nil && !reason.OfMember(member).RefusesSeat()
}

// wants reports whether a Member that stays should be given a seat of pool. The seat that it holds already it keeps until it says itself
// that it gave the seat back. A pool that is being deleted gives no seat but the one that a Member relied on.
func wants(member *usherv1.Member, pool *usherv1.SeatPool, account *usherv1.Account) bool {
	if pool.DeletionTimestamp != nil && !Keeps(member, pool) || account.Spec.State == usherv1.StateDisabled {
		return false
	}
	return !WaitsForAcceptance(pool, member.Status.AcceptedAt != nil)
}

// WaitsForAcceptance reports whether pool gives no seat to a member that has not accepted.
func WaitsForAcceptance(pool *usherv1.SeatPool, accepted bool) bool {
	return pool.Spec.Reservation == usherv1.ReserveOnAcceptance && !accepted
}
