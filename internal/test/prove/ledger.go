// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove

import (
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// revisionState has the ledgers and the members after one revision.
type revisionState struct {
	pools   map[string]*usherv1.SeatPool
	members map[types.UID]*usherv1.Member
	// bindings by name, and the addresses that each member has had, as written and in lower case.
	bindings  map[string]*rbacv1.RoleBinding
	addresses map[types.UID]map[string]bool
	found     []string
}

// Violations checks, at every revision of a complete History, what must hold at all times:
//
//   - a ledger has no more claims than its pool has seats, or no more than in the previous revision;
//   - a grant number is used once: every new claim is above all earlier numbers of the pool, and lastGrant never falls;
//   - a claim leaves the ledger only when its Member's status says that it has given the seat back, or the Member is gone;
//   - a Member's releasedGrant and grant never fall;
//   - every seat that a Member relies on is claimed in the ledger of its pool, and an Active Member relies on one of the base product;
//   - a member that a RoleBinding names is Active, or still relies on the seat that it was Active with;
//   - exactly one of the conditions Pending, Active and Disabled is True, and it is status.state.
func (h *History) Violations() []string {
	b := revisionState{
		pools: map[string]*usherv1.SeatPool{}, members: map[types.UID]*usherv1.Member{},
		bindings: map[string]*rbacv1.RoleBinding{}, addresses: map[types.UID]map[string]bool{}, found: h.holes,
	}
	for _, r := range h.revisions {
		switch o := r.object.(type) {
		case *usherv1.SeatPool:
			b.addPool(r, o)
		case *usherv1.Member:
			b.addMember(r, o)
			b.checkBindings(r)
		case *rbacv1.RoleBinding:
			b.bindings[o.Name] = o
			if r.deleted {
				delete(b.bindings, o.Name)
			}
			b.checkBindings(r)
		}
	}
	return b.found
}

func (b *revisionState) complain(r revision, format string, args ...any) {
	b.found = append(b.found, fmt.Sprintf("revision %d: ", r.number)+fmt.Sprintf(format, args...))
}

func (b *revisionState) addPool(r revision, pool *usherv1.SeatPool) {
	before := b.pools[pool.Name]
	if before == nil || before.UID != pool.UID {
		before = &usherv1.SeatPool{}
	}
	if r.deleted {
		if n := len(pool.Status.Claims); n > 0 {
			b.complain(r, "SeatPool %s went with %d claims", pool.Name, n)
		}
		delete(b.pools, pool.Name)
		return
	}
	b.pools[pool.Name] = pool
	had, has := before.Status.Claims, pool.Status.Claims
	if seats := int(*pool.Spec.Seats) + int(pool.Status.Included); len(has) > len(had) && len(has) > seats {
		b.complain(r, "SeatPool %s is oversold: %d claims, %d seats", pool.Name, len(has), seats)
	}
	if pool.Status.LastGrant < before.Status.LastGrant {
		b.complain(r, "SeatPool %s: lastGrant fell from %d to %d", pool.Name, before.Status.LastGrant, pool.Status.LastGrant)
	}
	b.checkClaims(r, before, pool)
	for _, m := range b.members {
		b.checkSeats(r, m, pool.Name)
	}
}

// checkClaims checks that no grant number is used twice, and that no claim is dropped that its Member has not given back.
func (b *revisionState) checkClaims(r revision, before, pool *usherv1.SeatPool) {
	had, has := before.Status.Claims, pool.Status.Claims
	for uid, grant := range has {
		if was, claimed := had[uid]; (!claimed || was != grant) && grant <= before.Status.LastGrant {
			b.complain(r, "SeatPool %s: grant number %d was used again", pool.Name, grant)
		}
	}
	for uid, grant := range had {
		member := b.members[types.UID(uid)]
		if now, still := has[uid]; (!still || now != grant) && member != nil && seatOf(member, pool.Name).ReleasedGrant < grant {
			b.complain(r, "SeatPool %s dropped claim %d, which %s has not given back", pool.Name, grant, member.Name)
		}
	}
}

// checkBindings compares the subjects of bindings with the members' seats.
func (b *revisionState) checkBindings(r revision) {
	for name, binding := range b.bindings {
		for _, s := range binding.Subjects {
			if !b.seatedAs(s.Name) {
				b.complain(r, "RoleBinding %s names %s, who has no seat", name, s.Name)
			}
		}
	}
}

// seatedAs reports whether a member that uses or used an address relies on a seat of the base product.
func (b *revisionState) seatedAs(address string) bool {
	for uid, m := range b.members {
		if b.addresses[uid][address] && slices.ContainsFunc(m.Status.Seats, func(s usherv1.MemberSeat) bool {
			return s.AddOn == "" && s.Held()
		}) {
			return true
		}
	}
	return false
}

func (b *revisionState) addMember(r revision, m *usherv1.Member) {
	if r.deleted {
		delete(b.members, m.UID)
		return
	}
	if b.addresses[m.UID] == nil {
		b.addresses[m.UID] = map[string]bool{}
	}
	inUse := m.EmailInUse()
	b.addresses[m.UID][string(inUse)], b.addresses[m.UID][inUse.LowerCase()] = true, true
	if before := b.members[m.UID]; before != nil {
		for _, was := range before.Status.Seats {
			is := seatOf(m, was.Pool)
			// The status drops a pool that is deleted, with its numbers.
			if pool := b.pools[was.Pool]; pool != nil && string(pool.UID) == was.PoolUID &&
				(is.ReleasedGrant < was.ReleasedGrant || is.Grant < was.Grant) {
				b.complain(r, "%s: the numbers of its seat in %s fell from %d/%d to %d/%d",
					m.Name, was.Pool, was.Grant, was.ReleasedGrant, is.Grant, is.ReleasedGrant)
			}
		}
	}
	b.members[m.UID] = m
	for _, s := range m.Status.Seats {
		b.checkSeats(r, m, s.Pool)
	}
	b.found = append(b.found, contradictions(r, m)...)
}

// checkSeats compares a Member's seats with the ledgers.
func (b *revisionState) checkSeats(r revision, m *usherv1.Member, name string) {
	s := seatOf(m, name)
	if !s.Held() {
		return
	}
	pool := b.pools[name]
	if pool == nil || pool.Status.Claims[string(m.UID)] < s.Grant {
		b.complain(r, "%s is %s by seat %d of %s, which is not claimed", m.Name, m.Status.State, s.Grant, name)
	}
}

func seatOf(m *usherv1.Member, pool string) usherv1.MemberSeat {
	for _, s := range m.Status.Seats {
		if s.Pool == pool {
			return s
		}
	}
	return usherv1.MemberSeat{}
}

// contradictions returns where a Member's status contradicts itself.
func contradictions(r revision, m *usherv1.Member) (found []string) {
	if m.Status.State == "" {
		return nil
	}
	complain := func(format string, args ...any) {
		found = append(found, fmt.Sprintf("revision %d: %s is %s, but ", r.number, m.Name, m.Status.State)+fmt.Sprintf(format, args...))
	}
	outlooks := 0
	for _, c := range m.Status.Conditions {
		isTrue := c.Status == "True"
		switch c.Type {
		case usherv1.ConditionPending, usherv1.ConditionActive, usherv1.ConditionDisabled:
			if isTrue != (c.Type == string(m.Status.State)) {
				complain("condition %s is %s", c.Type, c.Status)
			}
		case usherv1.ConditionReady, usherv1.ConditionReconciling, usherv1.ConditionStalled:
			if isTrue {
				outlooks++
			} else if c.Type != usherv1.ConditionReady {
				complain("condition %s is there and %s", c.Type, c.Status)
			}
		}
		if c.ObservedGeneration != m.Status.ObservedGeneration {
			complain("condition %s is of another generation", c.Type)
		}
	}
	if outlooks != 1 {
		complain("%d of Ready, Reconciling and Stalled are True", outlooks)
	}
	held := false
	for _, s := range m.Status.Seats {
		held = held || s.AddOn == "" && s.Held()
	}
	if m.Status.State == usherv1.ObservedActive && !held {
		complain("it has no seat of the base product")
	}
	return found
}
