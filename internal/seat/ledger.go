// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seat

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// MaxClaims is how many claims fit into one ledger; the CRD says the same.
const MaxClaims = 10000

// Ledger is what a pool's status holds.
type Ledger struct {
	// Claims maps a Member's UID to the number of its grant.
	Claims map[string]int64
	// LastGrant is the highest number that was given so far.
	LastGrant int64
	// Assigned and Reserved are how many claims belong to Active members, and to all others.
	Assigned, Reserved int
	// Waiting is how many members want a seat and do not have one.
	Waiting int
	// Staying is how many claims belong to members that keep their seats until they are moved.
	Staying int
}

// Candidate is what the SeatPool controller knows of a Member that may have or want a seat of the pool.
type Candidate struct {
	UID, Name string
	// Email in lower case.
	Email   string
	Created time.Time
	// AcceptedAt is when the invitee accepted; zero if they have not accepted.
	AcceptedAt time.Time
	// Restored: it had accepted before a restore, and its status does not say so yet.
	Restored bool
	// Active: its status says so.
	Active bool
	// Stays: nothing is known for which it gives its seats back.
	Stays bool
	// Wants a seat of this pool.
	Wants bool
	// Grant and ReleasedGrant as recorded on the Member for this pool; 0 where nothing is.
	Grant, ReleasedGrant int64
}

func (c Candidate) held() bool { return c.Grant > c.ReleasedGrant }

// Strangers returns the UIDs that hold a claim and belong to none of the candidates. Only a live read shows whether such a Member is
// gone, or not in the cache yet.
func Strangers(claims map[string]int64, candidates []Candidate) []string {
	known := make(map[string]bool, len(candidates))
	for _, c := range candidates {
		known[c.UID] = true
	}
	var strangers []string
	for uid := range claims {
		if !known[uid] {
			strangers = append(strangers, uid)
		}
	}
	slices.Sort(strangers)
	return strangers
}

// Allocate returns the ledger that follows old. It drops claims that were given back and claims of UIDs in gone, then grants the free seats
// in order. It never adds a claim beyond capacity, and never drops one because capacity fell.
func Allocate(old Ledger, capacity int, candidates []Candidate, gone map[string]bool) Ledger {
	next := Ledger{Claims: maps.Clone(old.Claims), LastGrant: old.LastGrant}
	if next.Claims == nil {
		next.Claims = map[string]int64{}
	}
	taken := next.drop(candidates, gone)
	next.grant(min(capacity, MaxClaims), candidates, taken)

	for _, c := range candidates {
		_, claimed := next.Claims[c.UID]
		if claimed && c.Active {
			next.Assigned++
		}
		if claimed && c.Stays {
			next.Staying++
		}
	}
	next.Reserved = len(next.Claims) - next.Assigned
	return next
}

// drop removes the claims that were given back and those of UIDs in gone. It returns the addresses that a claim still stands for.
func (l *Ledger) drop(candidates []Candidate, gone map[string]bool) (taken map[string]bool) {
	for uid := range gone {
		delete(l.Claims, uid)
	}
	taken = map[string]bool{}
	for _, c := range candidates {
		grant, claimed := l.Claims[c.UID]
		switch {
		case claimed && c.ReleasedGrant >= grant:
			delete(l.Claims, c.UID)
		case claimed:
			taken[c.Email] = true
		}
	}
	return taken
}

// grant adds claims up to capacity, in order, and counts the candidates that wait. No claim is added for an address that is taken. Right
// after a restore none is added where seats may be short: the order is known once the status of each member says whether it has accepted.
func (l *Ledger) grant(capacity int, candidates []Candidate, taken map[string]bool) {
	waiting := make([]Candidate, 0, len(candidates))
	restored := 0
	for _, c := range candidates {
		_, claimed := l.Claims[c.UID]
		if !claimed && c.Wants {
			waiting = append(waiting, c)
		}
		if !claimed && c.Restored {
			restored++
		}
	}
	if restored > 0 && len(l.Claims)+len(waiting)+restored > capacity {
		l.Waiting += len(waiting)
		return
	}
	if len(l.Claims) < capacity { // if there is nothing to give, the order does not matter
		slices.SortFunc(waiting, precedence)
	}
	for _, c := range waiting {
		if taken[c.Email] || len(l.Claims) >= capacity {
			l.Waiting++
			continue
		}
		l.LastGrant = max(l.LastGrant, c.Grant, c.ReleasedGrant) + 1
		l.Claims[c.UID] = l.LastGrant
		taken[c.Email] = true
	}
}

// precedence orders candidates for a free seat: first those that relied on a seat that was wiped, then first come, first served.
func precedence(a, b Candidate) int {
	return cmp.Or(
		first(a.held() && a.Active, b.held() && b.Active),
		first(a.held(), b.held()),
		first(!a.AcceptedAt.IsZero(), !b.AcceptedAt.IsZero()),
		a.AcceptedAt.Compare(b.AcceptedAt),
		a.Created.Compare(b.Created),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.UID, b.UID),
	)
}

func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
