// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"

	"k8s.io/utils/ptr"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// unlimited is how many seats can be bought if the plan sets no maximum; the CRD accepts no more.
const unlimited = 10000

// Seats is how many seats of one pool count, and what can be done about the others.
type Seats struct {
	// Included seats come with the plan. Bought seats are those of spec.seats that count.
	Included, Bought int32
	// Reason and Problem say why fewer seats count than spec.seats says; they are empty if all count.
	Reason, Problem string
	// Missing reports that the problem is an object or an entry that may be about to be created.
	Missing bool
	// Most is how many seats can be bought. Advice says what to do if none can.
	Most   int32
	Advice string
}

// Capacity returns the number of seats.
func (s Seats) Capacity() int { return int(s.Included) + int(s.Bought) }

// SeatsOf returns the seats of a pool. The included seats go to one pool: the one that is recorded to have them, else the
// account's oldest of the base product or of the add-on, by name if several were created at the same time. pools are all
// of the namespace.
func (t Terms) SeatsOf(pool *usherv1.SeatPool, pools []usherv1.SeatPool) Seats {
	wanted := ptr.Deref(pool.Spec.Seats, 0)
	if t.Problem != "" {
		return unchanged(pool, usherv1.ReasonPlanNotFound, t.Problem)
	}
	included, purchase := ptr.Deref(t.spec.IncludedSeats, 0), t.spec.SeatPurchase
	if pool.Spec.AddOn != "" {
		i := slices.IndexFunc(t.spec.AddOns, func(a usherv1.PlanAddOn) bool { return a.Name == pool.Spec.AddOn })
		switch {
		case t.name == "":
			return none(usherv1.ReasonAddOnNotInPlan, "An account without a plan has no add-on "+pool.Spec.AddOn, "set the Account's spec.planRef")
		case i < 0:
			return none(usherv1.ReasonAddOnNotInPlan, fmt.Sprintf("Plan %s has no add-on %s", t.name, pool.Spec.AddOn), "choose another plan")
		case !slices.Contains(t.addOns, pool.Spec.AddOn):
			return none(
				usherv1.ReasonAddOnNotInAccount,
				"The account does not have the add-on "+pool.Spec.AddOn,
				"add it to the Account's spec.addOns",
			)
		}
		included, purchase = ptr.Deref(t.spec.AddOns[i].IncludedSeats, 0), t.spec.AddOns[i].SeatPurchase
	}
	s := Seats{Bought: wanted, Most: unlimited}
	if oldest(pool, pools) {
		s.Included = included
	}
	t.applyPurchase(&s, pool, purchase, wanted)
	return s
}

// SeatsWithoutAccount returns the seats of a pool whose account does not exist.
func SeatsWithoutAccount(pool *usherv1.SeatPool) Seats {
	name := pool.Spec.AccountRef.Name
	return unchanged(pool, usherv1.ReasonAccountNotFound,
		"There is no Account "+name+" in this namespace, or it is being deleted; create it, or delete this SeatPool")
}

// unchanged returns the seats that there were, for as long as something that they depend on does not exist: no seat is granted meanwhile.
func unchanged(pool *usherv1.SeatPool, reason, problem string) Seats {
	counted := ptr.Deref(pool.Spec.Seats, 0)
	if before := boughtBefore(pool); before != nil {
		counted = min(counted, *before)
	}
	return Seats{Included: pool.Status.Included, Bought: counted, Reason: reason, Problem: problem, Missing: true, Most: unlimited}
}

func none(reason, problem, advice string) Seats {
	return Seats{Reason: reason, Missing: true, Problem: problem + ", so no seat of this pool counts; " + advice, Advice: advice}
}

// applyPurchase removes the seats that the plan does not sell.
func (t Terms) applyPurchase(s *Seats, pool *usherv1.SeatPool, rule usherv1.SeatPurchase, wanted int32) {
	s.Most = ptr.Deref(rule.Maximum, unlimited)
	s.Advice = "make another SeatPool"
	if t.name != "" {
		s.Advice = "choose another plan"
	}
	if rule.Policy == usherv1.PurchaseNotAllowed {
		s.Most = 0
	}
	switch s.Bought = min(wanted, s.Most); {
	case wanted > 0 && s.Most == 0:
		s.Reason = usherv1.ReasonPurchaseNotAllowed
		s.Problem = fmt.Sprintf(
			"Plan %s sells no seats, so the %d in spec.seats do not count; set it to 0, or choose another plan",
			t.name,
			wanted,
		)
	case wanted > s.Most:
		s.Reason = usherv1.ReasonAboveMaximum
		s.Problem = fmt.Sprintf(
			"Plan %s sells at most %d seats, so %d of the %d in spec.seats do not count; lower it, or choose another plan",
			t.name,
			s.Most,
			wanted-s.Most,
			wanted,
		)
	}
	before := boughtBefore(pool)
	if !ptr.Deref(rule.WhenFull, false) || before == nil || s.Bought <= *before || allAssigned(pool) {
		return
	}
	s.Reason = usherv1.ReasonSeatsUnassigned
	s.Problem = fmt.Sprintf(
		"Plan %s sells seats only while all are assigned: %d of the %d in spec.seats do not count "+
			"until every existing seat (%d) is assigned to an Active member",
		t.name,
		wanted-*before,
		wanted,
		ptr.Deref(pool.Status.Capacity, 0),
	)
	s.Bought = *before
}

// boughtBefore returns how many bought seats counted so far, or nil if the pool has no status yet. The seats that a
// pool is created with count at once.
func boughtBefore(pool *usherv1.SeatPool) *int32 {
	if pool.Status.Capacity == nil {
		return nil
	}
	return ptr.To(*pool.Status.Capacity - pool.Status.Included)
}

func allAssigned(pool *usherv1.SeatPool) bool {
	return ptr.Deref(pool.Status.Assigned, 0) >= ptr.Deref(pool.Status.Capacity, 0)
}

// oldest reports whether no pool of the account comes before for the same product or add-on. A pool that is being deleted counts until its
// last seat was given back: before that, another pool would give the included seats a second time.
func oldest(pool *usherv1.SeatPool, pools []usherv1.SeatPool) bool {
	return !emptied(pool) && !slices.ContainsFunc(pools, func(p usherv1.SeatPool) bool {
		if p.UID == pool.UID || emptied(&p) || p.Spec.AddOn != pool.Spec.AddOn || p.Spec.AccountRef.Name != pool.Spec.AccountRef.Name {
			return false
		}
		if a, b := recordOf(&p), recordOf(pool); a != b {
			return a > b
		}
		if !p.CreationTimestamp.Equal(&pool.CreationTimestamp) {
			return p.CreationTimestamp.Before(&pool.CreationTimestamp)
		}
		return p.Name < pool.Name
	})
}

// emptied reports whether a pool is being deleted and no claim is left in it.
func emptied(pool *usherv1.SeatPool) bool {
	return pool.DeletionTimestamp != nil && len(pool.Status.Claims) == 0
}

// record is what a pool's metadata says of the included seats. The higher one counts.
type record int

const (
	noRecord record = iota
	// recorded: the pool has had them since it exists.
	recorded
	// restored: the pool had them before it was restored from a backup. Another pool that was restored before it, while the manager was
	// running, has recorded them in error.
	restored
)

func recordOf(pool *usherv1.SeatPool) record {
	switch pool.Annotations[usherv1.IncludedSeatsAnnotation] {
	case "":
		return noRecord
	case "true", string(pool.UID):
		return recorded
	}
	return restored
}

// IncludedRecord returns what the pool's metadata has to say of the included seats, and whether it does not say so yet: after a restore,
// creation times say nothing. It is empty if another pool, which is recorded to have them, comes first.
func (t Terms) IncludedRecord(pool *usherv1.SeatPool, pools []usherv1.SeatPool, seats Seats) (says string, changes bool) {
	has := recordOf(pool) != noRecord
	switch {
	case t.Problem != "":
		return "", false
	case seats.Included > 0:
		return string(pool.UID), !has
	}
	return "", has && slices.ContainsFunc(pools, func(p usherv1.SeatPool) bool {
		return p.UID != pool.UID && recordOf(&p) != noRecord && p.Spec.AddOn == pool.Spec.AddOn &&
			p.Spec.AccountRef.Name == pool.Spec.AccountRef.Name && oldest(&p, pools)
	})
}
