// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/seat"
)

// grants are what the Active members of an account had while nothing was left to do. They have the same after a restore, or after a status
// was lost, if the admin has changed nothing since.
type grants struct {
	members map[string]grant
	// revoked are the invitations that were revoked.
	revoked []string
	// owner is the account's owner; empty if another member may be it after a restore.
	owner string
	// running: an operator ran while a part of the objects was restored.
	running bool
}

type grant struct {
	role   string
	rights []usherv1.Right
	// pool is the base pool.
	pool string
	// token is the API token: another one says that the member has accepted again.
	token string
	// contended: more members want a seat of the pool than it has, or another member has the address.
	contended bool
}

// meanwhile changes what is expected after a restore, if anything is.
func (w *world) meanwhile(change func(*grants)) {
	if w.granted != nil {
		next := *w.granted
		change(&next)
		w.granted = &next
	}
}

// atRest reports whether nothing is left to do before the next timer.
func (w *world) atRest() bool {
	up := 0
	for _, o := range w.ops {
		if !o.up {
			continue
		}
		up++
		if len(o.tasks) > 0 || o.behind() {
			return false
		}
		for k := range o.queues {
			for i := range o.queues[k].items {
				if it := &o.queues[k].items[i]; it.ready(w.clock) || it.queued && it.failures > 0 {
					return false
				}
			}
		}
	}
	return up > 0
}

func (o *operator) behind() bool {
	for k := range o.caches {
		if o.caches[k].lag(o.world.api) > 0 {
			return true
		}
	}
	return false
}

// grantsAtRest returns the present grants; nil if the world is not at rest, or something is being deleted, which no backup has.
func (w *world) grantsAtRest() *grants {
	going := func(o client.Object) bool { return o.GetDeletionTimestamp() != nil }
	if !w.atRest() || w.living() == nil || slices.ContainsFunc(slices.Concat(w.api.tables[pools], w.api.tables[members]), going) {
		return nil
	}
	g := &grants{members: map[string]grant{}}
	for _, o := range w.api.tables[members] {
		m := o.(*usherv1.Member)
		pool := seat.Choose(m, w.poolList()).Base
		accepted, all := w.wanting(pool)
		p := w.pool(pool)
		if m.Status.State != usherv1.ObservedActive || !holdsSeatOf(m, pool) || w.rivals(m, w.hasAccepted) || p == nil {
			continue
		}
		if seats := w.seatsOf(p, w.poolList()).Capacity(); accepted <= seats { // else those who accepted first are the Active ones
			g.members[m.Name] = grant{
				role: m.Status.Role, rights: m.Status.Rights, pool: pool, contended: all > seats || w.rivals(m, everything),
				token: string(w.credentials(m.Name).Data[credentials.KeyAPIToken]),
			}
		}
	}
	for _, o := range w.api.tables[invitations] {
		if o.(*usherv1.Invitation).Spec.State == usherv1.InvitationRevokedWish {
			g.revoked = append(g.revoked, o.GetName())
		}
	}
	if owner := w.account().Status.Owner; owner != nil && w.leads(owner.Name) {
		g.owner = owner.Name
	}
	return g
}

// wanting counts the members that take their base seat from a pool: those that have accepted, and all.
func (w *world) wanting(pool string) (accepted, all int) {
	for _, o := range w.api.tables[members] {
		if seat.Choose(o.(*usherv1.Member), w.poolList()).Base == pool {
			all++
			if w.hasAccepted(o) {
				accepted++
			}
		}
	}
	return accepted, all
}

func holdsSeatOf(m *usherv1.Member, pool string) bool {
	return slices.ContainsFunc(m.Status.Seats, func(s usherv1.MemberSeat) bool { return s.Pool == pool && s.Held() })
}

// rivals reports whether another member has the member's address in use, of those that are like that.
func (w *world) rivals(m *usherv1.Member, like func(client.Object) bool) bool {
	return slices.ContainsFunc(w.api.tables[members], func(o client.Object) bool {
		return o.GetUID() != m.UID && w.inUse(o.(*usherv1.Member)).SameAs(w.inUse(m)) && like(o)
	})
}

func (w *world) hasAccepted(member client.Object) bool {
	return w.accepted(member.(*usherv1.Member), w.credentials(member.GetName()))
}

// leads reports whether a member is the account's owner after a restore, too: it is the first member, or the only Active admin.
func (w *world) leads(name string) bool {
	m, terms := w.member(name), w.terms()
	if m == nil || m.Status.State != usherv1.ObservedActive || !terms.Admin(m.Status.Role) {
		return false
	}
	first := func(m *usherv1.Member) bool { return plan.Recorded(m.Annotations) == plan.First }
	return !slices.ContainsFunc(w.api.tables[members], func(o client.Object) bool {
		other := o.(*usherv1.Member)
		return other.UID != m.UID && (first(other) || !first(m) && terms.Admin(other.Status.Role))
	})
}

// checkGranted: after a restore, or after a status was lost, the members who were Active have what they had.
func (w *world) checkGranted() {
	g := w.granted
	if g == nil {
		return
	}
	for name, had := range g.members {
		w.checkRestored(name, had, g.running)
	}
	for _, name := range g.revoked {
		inv, _ := w.api.get(invitations, named(name)).(*usherv1.Invitation)
		collected := w.backup != nil && w.backup.owned // an owner reference to a UID of before has it garbage-collected
		if !g.running && !collected && (inv == nil || inv.Spec.State != usherv1.InvitationRevokedWish) {
			w.violated("restored", "invitation %s was revoked, and is not after the restore", name)
		}
	}
	owner := ""
	if a := w.account(); a != nil && a.Status.Owner != nil {
		owner = a.Status.Owner.Name
	}
	if g.owner != "" && owner != g.owner && !g.running && !w.ended(w.member(g.owner)) {
		w.violated("restored", "the account's owner was %q, and is %q after the restore", g.owner, owner)
	}
}

func (w *world) checkRestored(name string, had grant, running bool) {
	m := w.member(name)
	if m == nil {
		w.violated("restored", "member %s was Active, and is gone after the restore", name)
		return
	}
	secret := w.credentials(name)
	if w.ended(m) || secret == nil || running && (had.contended || string(secret.Data[credentials.KeyAPIToken]) != had.token) {
		if secret == nil {
			w.violated("restored", "member %s was Active, and has no credentials after the restore", name)
		}
		return
	}
	w.counts.Compared++
	is := fmt.Sprintf("%s, role %q, rights %v", m.Status.State, m.Status.Role, m.Status.Rights)
	if was := fmt.Sprintf("%s, role %q, rights %v", usherv1.ObservedActive, had.role, had.rights); is != was {
		w.violated("restored", "member %s is %s after the restore; was %s", name, is, was)
	}
	if !running && !holdsSeatOf(m, had.pool) {
		w.violated("restored", "member %s holds no seat of pool %s after the restore", name, had.pool)
	}
}
