// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"slices"
	"strings"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/reason"
	"github.com/usher-dev/usher/internal/seat"
)

// maxSeats is how many pools a Member's status can list; the CRD says the same.
const maxSeats = 64

// settleSeats returns the Member's seats after this decision. Claims found in the ledgers are taken up. Seats that are not to be kept are
// released, and so are those of pools that no longer exist. A pool that is being deleted gets back what the Member does not rely on.
func settleSeats(o Observation, choice seat.Choice, custody reason.Custody, accepted bool) []usherv1.MemberSeat {
	var seats, gone []usherv1.MemberSeat
	// A member that moves gives its old base seat back once it holds the new one, or needs none there.
	base := o.pool(choice.Base)
	moved := base != nil && seat.WaitsForAcceptance(base, accepted)
	for _, s := range entries(o, choice) {
		pool := o.pool(s.Pool)
		if pool == nil {
			gone = append(gone, release(s, 0)) // the pool is gone, and the seat with it
			continue
		}
		s.AddOn = pool.Spec.AddOn
		claim := o.claim(s.Pool)
		switch {
		case custody == reason.Released,
			pool.DeletionTimestamp != nil && (!seat.Keeps(o.Member, pool) || seat.WaitsForAcceptance(pool, accepted)):
			s = release(s, claim)
		case custody == reason.Taken:
			s = take(s, pool, claim, choice, accepted, moved)
		}
		if s.Held() && s.Pool == choice.Base {
			moved = true
		}
		if s.Grant > 0 || s.ReleasedGrant > 0 {
			seats = append(seats, s)
		}
	}
	// What was given back is never forgotten, as long as there is room for it: otherwise an old copy of that pool's ledger could give the
	// member a seat that it no longer has.
	seats = append(seats, gone[:min(len(gone), max(0, maxSeats-len(seats)))]...)
	slices.SortFunc(seats, func(a, b usherv1.MemberSeat) int { return strings.Compare(a.Pool, b.Pool) })
	return seats
}

// entries returns a seat for each pool in which the Member has one, may take one, or has a claim. Those of the choice come first:
// whether an old base seat may go depends on the new one.
func entries(o Observation, choice seat.Choice) []usherv1.MemberSeat {
	all := slices.Clone(o.Member.Status.Seats)
	for i := range o.Pools {
		p := &o.Pools[i]
		known := slices.ContainsFunc(all, func(s usherv1.MemberSeat) bool { return s.Pool == p.Name })
		if !known && (choice.Names(p.Name) || o.claim(p.Name) > 0) {
			all = append(all, usherv1.MemberSeat{Pool: p.Name, AddOn: p.Spec.AddOn})
		}
	}
	slices.SortFunc(all, func(a, b usherv1.MemberSeat) int {
		if inA, inB := choice.Names(a.Pool), choice.Names(b.Pool); inA != inB {
			if inA {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Pool, b.Pool)
	})
	return all
}

// take takes the claim up if the Member chooses the pool, and releases the seat if it is lost or no longer wanted. moved reports that no
// other base seat is needed until the Member holds the chosen one.
func take(s usherv1.MemberSeat, pool *usherv1.SeatPool, claim int64, choice seat.Choice, accepted, moved bool) usherv1.MemberSeat {
	chosen := choice.Names(s.Pool)
	moving := s.AddOn == "" && s.Held() && !moved
	// The SeatPool controller has looked at its ledger, and this claim is not in it.
	lost := s.Held() && claim <= s.ReleasedGrant && pool.Status.ObservedGeneration > 0
	switch {
	case lost, chosen && seat.WaitsForAcceptance(pool, accepted), !chosen && !moving:
		return release(s, claim)
	case chosen && claim > s.ReleasedGrant:
		s.Grant, s.PoolUID = max(s.Grant, claim), string(pool.UID)
	}
	return s
}

// release gives back whatever the seat held, and whatever the ledger holds for the Member.
func release(s usherv1.MemberSeat, claim int64) usherv1.MemberSeat {
	s.ReleasedGrant = max(s.ReleasedGrant, s.Grant, claim)
	return s
}

// retain takes back the release of base seats whose claim is still there, and reports whether there were any: a seat is not free for
// another member before the access that it gave is gone.
func retain(o Observation, seats []usherv1.MemberSeat) (kept bool) {
	for _, before := range o.Member.Status.Seats {
		if before.AddOn != "" || !before.Held() || o.claim(before.Pool) <= before.ReleasedGrant {
			continue
		}
		for i := range seats {
			if seats[i].Pool == before.Pool && !seats[i].Held() {
				seats[i], kept = before, true
			}
		}
	}
	return kept
}

// holds reports whether a base seat is held, the chosen one or the one that is kept until then, and whether every chosen one is.
func holds(seats []usherv1.MemberSeat, choice seat.Choice) (base, complete bool) {
	for _, s := range seats {
		if s.AddOn == "" && s.Held() {
			base = true
		}
	}
	return base, missingSeats(seats, choice) == "" && choice.Problem == ""
}

// missingSeats names the chosen pools in which the Member holds no seat.
func missingSeats(seats []usherv1.MemberSeat, choice seat.Choice) string {
	var missing []string
	for _, pool := range append(append([]string{choice.Base}, choice.AddOns...), choice.Missing...) {
		if !slices.ContainsFunc(seats, func(s usherv1.MemberSeat) bool { return s.Pool == pool && s.Held() }) {
			missing = append(missing, pool)
		}
	}
	return strings.Join(missing, ", ")
}

// waitsFor says which chosen seats the Member does not hold, and what to do about pools that it cannot have a seat of.
func waitsFor(seats []usherv1.MemberSeat, choice seat.Choice) string {
	said := "waiting for a seat of " + missingSeats(seats, choice)
	if len(choice.Missing) > 0 {
		said += "; this account has no SeatPool " + strings.Join(choice.Missing, ", ") +
			" that gives seats: create it, or correct spec.seatPoolRefs"
	}
	return said
}

// closingSeats says what to do about seats of pools that are being deleted; empty if the Member holds none.
func closingSeats(o Observation, seats []usherv1.MemberSeat) string {
	var closing []string
	for _, s := range seats {
		if p := o.pool(s.Pool); p != nil && p.DeletionTimestamp != nil && s.Held() {
			closing = append(closing, s.Pool)
		}
	}
	if len(closing) == 0 {
		return ""
	}
	return "SeatPool " + strings.Join(closing, ", ") + " is being deleted; name another in spec.seatPoolRefs"
}

// takesAway reports whether access or a seat is lost between two statuses.
func takesAway(before, after usherv1.MemberStatus) bool {
	if before.State == usherv1.ObservedActive && after.State != usherv1.ObservedActive {
		return true
	}
	for _, b := range before.Seats {
		if b.Held() && !slices.ContainsFunc(after.Seats, func(a usherv1.MemberSeat) bool { return a.Pool == b.Pool && a.Held() }) {
			return true
		}
	}
	return false
}

// nothingClaimed reports whether no ledger holds a claim of the Member.
func nothingClaimed(o Observation) bool {
	for i := range o.Pools {
		if o.claim(o.Pools[i].Name) > 0 {
			return false
		}
	}
	return true
}
