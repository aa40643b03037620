// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"slices"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/seat"
)

func (w *world) checkPoolAtRest(p *usherv1.SeatPool) {
	w.checkDeletedPool(p)
	if want := w.seatsOf(p, w.poolList()).Capacity(); p.DeletionTimestamp == nil && int(ptr.Deref(p.Status.Capacity, 0)) != want {
		w.violated("converged", "pool %s has %d seats; should have %d", p.Name, ptr.Deref(p.Status.Capacity, 0), want)
	}
	if p.Status.ObservedGeneration != p.Generation {
		w.violated("converged", "pool %s's status is of generation %d, not %d", p.Name, p.Status.ObservedGeneration, p.Generation)
	}
	known := 0
	addresses := map[string]bool{}
	for _, o := range w.api.tables[members] {
		m := o.(*usherv1.Member)
		grant, claimed := p.Status.Claims[string(m.UID)]
		if !claimed {
			continue
		}
		known++
		// No member is a duplicate while the account is disabled, or the plan does not exist.
		reason := readyReason(m.Status.Conditions)
		if reason == usherv1.ReasonAccountDisabled || reason == usherv1.ReasonPlanNotFound {
			continue
		}
		if address := w.inUse(m).Key(); addresses[address] {
			w.violated("one-seat-per-address", "two claims in pool %s stand for one address", p.Name)
		} else {
			addresses[address] = true
		}
		for _, s := range m.Status.Seats {
			if s.Pool == p.Name && s.ReleasedGrant >= grant {
				w.violated("nothing-leaks", "member %s gave grant %d of pool %s back, and its claim is there", m.Name, grant, p.Name)
			}
		}
	}
	if known != len(p.Status.Claims) {
		w.violated("nothing-leaks", "%d claims of pool %s belong to no member", len(p.Status.Claims)-known, p.Name)
	}
}

// checkDeletedPool: a pool that was deleted is there only for members that keep their seats, and says so; no other pool does.
func (w *world) checkDeletedPool(p *usherv1.SeatPool) {
	if p.DeletionTimestamp != nil && (seat.TakesBack(p) || !w.keptByAny(p)) {
		w.violated("converged", "pool %s was deleted and is there, with %d claims", p.Name, len(p.Status.Claims))
	}
	if blocked := p.DeletionTimestamp != nil; blocked != conditionTrue(p.Status.Conditions, usherv1.ConditionDeletionBlocked) {
		w.violated("converged", "pool %s says DeletionBlocked: %t", p.Name, !blocked)
	}
}

// keptByAny reports whether a member keeps a seat of a pool that is being deleted.
func (w *world) keptByAny(p *usherv1.SeatPool) bool {
	return slices.ContainsFunc(w.api.tables[members], func(o client.Object) bool { return seat.Keeps(o.(*usherv1.Member), p) })
}
