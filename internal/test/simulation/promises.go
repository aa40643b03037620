// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
)

// pastFacts are what earlier changes have shown, as far as later checks need it.
type pastFacts struct {
	// highest is the highest grant of each pool so far.
	highest map[types.UID]int64
	// seatless: there has been a pool that reserves on acceptance, so that members could be invited without a seat.
	seatless bool
	// deliversByLink: the account has delivered by link, so that an invitation may be Sent without a mail.
	deliversByLink bool
	// welcomed is the credentials Secret of each member whose acceptance was confirmed.
	welcomed map[types.UID]types.UID
	// addresses are the members that have had each address in use, and proven the addresses that the holder of a name has proven: it has
	// accepted at them or confirmed them. All of them are canonical.
	addresses map[string]map[types.UID]bool
	proven    map[string]map[string]bool

	// lastAnnounced is the last announcement to each recipient, by its Message-ID.
	lastAnnounced map[string]string

	// wipes counts how often each object's status was wiped.
	wipes map[types.UID]int
	// adrift are the members whose status was wiped, or that of their pool, and that have not become Active since: only a wiped status said
	// what they hold.
	adrift map[types.UID]bool
	// skewed: a clock has been wrong, last at step lastSkew.
	skewed   bool
	lastSkew int
	// endedEarly are the members whose access a clock that was ahead has ended, with the generation of their specs.
	endedEarly map[types.UID]int64
	// unclaimed are the seats that were held or claimed when their ledgers were wiped, and are not claimed since.
	unclaimed map[types.UID]bool
}

func newPastFacts() pastFacts {
	return pastFacts{
		highest: map[types.UID]int64{}, welcomed: map[types.UID]types.UID{}, addresses: map[string]map[types.UID]bool{},
		proven:        map[string]map[string]bool{},
		lastAnnounced: map[string]string{}, wipes: map[types.UID]int{}, adrift: map[types.UID]bool{}, unclaimed: map[types.UID]bool{},
		endedEarly: map[types.UID]int64{},
	}
}

// committed checks every change.
func (w *world) committed(c change) {
	if check := w.options.checkCommit; check != nil {
		check(c)
	}
	w.rememberChange(c)
	if w.actor != nil {
		w.checkWriter(c)
	}
	switch c.kind {
	case accounts:
		a, _ := c.after.(*usherv1.Account)
		w.pastFacts.deliversByLink = w.pastFacts.deliversByLink || a != nil && a.DeliversByLink()
		if a != nil && a.Status.State != "" {
			w.checkOneState(c, string(a.Status.State), a.Status.Conditions)
		}
	case pools:
		w.checkLedger(c)
	case members:
		w.checkMember(c)
	case invitations:
		w.checkInvitation(c)
	case secrets:
		w.checkOfUser(c)
		w.checkProof(c)
		w.checkCredentials(c)
		w.checkPassword(c)
		if name, ofMember := credentials.MemberOf(c.key().Name); ofMember {
			w.noteProven(name)
		}
		w.checkPasswords()
	case bindings:
		w.checkNamed()
	}
	w.refresh()
}

func (w *world) rememberChange(c change) {
	what := "gone"
	if c.after != nil {
		what = c.after.GetResourceVersion()
		switch o := c.after.(type) {
		case *usherv1.Member:
			what += string(o.Status.State)
		case *usherv1.Invitation:
			what += string(o.Status.State)
		}
	}
	w.remember(c.kind.String())
	w.remember(c.object().GetName())
	w.remember(what)
	if w.options.Trace != nil {
		w.note("      %s %s: %s", c.kind, c.object().GetName(), describe(c))
	}
}

// checkWriter: Usher does not write a user's spec or delete a user's object.
func (w *world) checkWriter(c change) {
	switch {
	case c.before == nil:
		if c.kind != invitations && c.kind != secrets && !projected(c) {
			w.violated("never-makes", "Usher made a %s", c.kind)
		}
		if w.actor.on != visits && !w.actor.facts.living {
			w.violated("never-makes", "Usher made %s %s for an account that is being deleted, or gone", c.kind, c.key().Name)
		}
	case c.after == nil || c.after.GetDeletionTimestamp() != nil && c.before.GetDeletionTimestamp() == nil:
		if c.before.GetDeletionTimestamp() == nil && !mayDelete(c) {
			w.violated("never-deletes", "Usher deleted %s %s", c.kind, c.key().Name)
		}
	case !projected(c) && changesSpec(c):
		w.violated("never-writes-spec", "Usher changed the spec of %s %s", c.kind, c.key().Name)
	}
}

// mayDelete reports whether the object is one that Usher creates and deletes.
func mayDelete(c change) bool {
	return c.kind == secrets || projected(c) || c.kind == invitations && metav1.GetControllerOf(c.before) != nil
}

// changesSpec reports whether a change touches the spec or the labels. A Secret has no spec.
func changesSpec(c change) bool {
	return c.kind != secrets && c.before.GetGeneration() != c.after.GetGeneration() ||
		!equality.Semantic.DeepEqual(c.before.GetLabels(), c.after.GetLabels())
}

// projected reports whether a change is of a role or a binding, which Usher creates, changes and deletes.
func projected(c change) bool { return c.kind == roles || c.kind == bindings }

// checkLedger: a pool is not oversold, grants only grow, and no member loses a seat that it holds.
func (w *world) checkLedger(c change) {
	was, _ := c.before.(*usherv1.SeatPool)
	is, _ := c.after.(*usherv1.SeatPool)
	if is == nil {
		is = &usherv1.SeatPool{ObjectMeta: was.ObjectMeta}
	}
	w.pastFacts.seatless = w.pastFacts.seatless || is.Spec.Reservation == usherv1.ReserveOnAcceptance
	var old map[string]int64
	if was != nil {
		old = was.Status.Claims
	}
	claims := is.Status.Claims
	if len(claims) > len(old) && len(claims) > capacityOf(is) {
		w.violated("never-oversold", "pool %s went from %d to %d claims of %d seats", is.Name, len(old), len(claims), capacityOf(is))
	}
	if was != nil && w.actor != nil && w.actor.on == pools {
		w.checkCapacity(was, is)
	}
	w.checkGrants(is, old)
	if len(old) == 0 {
		return
	}
	for _, o := range w.api.tables[members] {
		w.checkHeld(o.(*usherv1.Member), is)
	}
}

// checkCapacity: a pool's capacity grows only to what it was entitled to since its reconciler began.
func (w *world) checkCapacity(was, is *usherv1.SeatPool) {
	capacity := ptr.Deref(is.Status.Capacity, 0)
	if capacity > ptr.Deref(was.Status.Capacity, 0) && int(capacity) > w.actor.facts.capacity {
		w.violated("seats-by-the-plan", "pool %s has %d seats, and never had more than %d meanwhile",
			is.Name, capacity, w.actor.facts.capacity)
	}
}

// checkGrants: a new claim's grant is above every grant that the pool gave before.
func (w *world) checkGrants(is *usherv1.SeatPool, old map[string]int64) {
	highest := w.pastFacts.highest[is.UID]
	for uid, grant := range is.Status.Claims {
		if old[uid] == grant {
			continue
		}
		if is.DeletionTimestamp != nil {
			w.violated("closed-gives-nothing", "pool %s gave grant %d while it was being deleted", is.Name, grant)
		}
		if grant <= w.pastFacts.highest[is.UID] {
			w.violated("grants-grow", "pool %s gave grant %d after %d", is.Name, grant, w.pastFacts.highest[is.UID])
		}
		highest = max(highest, grant)
	}
	w.pastFacts.highest[is.UID] = highest
}

// checkHeld: the ledger has the claim of every seat that a member holds, at every revision.
func (w *world) checkHeld(m *usherv1.Member, p *usherv1.SeatPool) {
	for _, s := range m.Status.Seats {
		if s.Pool != p.Name || !s.Held() || s.PoolUID != string(p.UID) {
			continue
		}
		claim, found := p.Status.Claims[string(m.UID)]
		if found && claim > s.ReleasedGrant {
			delete(w.pastFacts.unclaimed, claimOf(m, p))
		} else if !w.pastFacts.unclaimed[claimOf(m, p)] {
			w.violated("held-is-claimed", "member %s (%s) holds grant %d of pool %s, whose ledger says %d",
				m.Name, m.Status.State, s.Grant, p.Name, claim)
		}
	}
}

func (w *world) checkMember(c change) {
	was, _ := c.before.(*usherv1.Member)
	is, _ := c.after.(*usherv1.Member)
	if is != nil {
		w.noteProven(is.Name)
	}
	w.checkNamed()
	if is == nil {
		w.checkGone(was)
		return
	}
	if was == nil || was.ResourceVersion == is.ResourceVersion || is.Status.State == "" {
		return
	}
	w.checkOneState(c, string(is.Status.State), is.Status.Conditions)
	if is.Status.State == usherv1.ObservedActive && !holdsBase(is) {
		w.violated("active-holds-seat", "member %s is Active without a base seat", is.Name)
	}
	w.checkSeatsHeld(was, is)
	switch active := is.Status.State == usherv1.ObservedActive; {
	case active && was.Status.State != usherv1.ObservedActive:
		w.counts.Activations++
		delete(w.pastFacts.adrift, is.UID)
	case !active && was.Status.State == usherv1.ObservedActive:
		w.counts.Withdrawals++
	}
	w.checkAnnouncements(was, is)
	w.checkChangeMails(was, is)
	w.checkSeatAfterToken(was, is)
	if w.actor != nil && w.actor.on == members {
		w.checkReasons(was, is)
	}
}

// checkSeatsHeld: every seat that a member holds is claimed, and an Active member takes no base seat of a pool that does not exist.
func (w *world) checkSeatsHeld(was, is *usherv1.Member) {
	for _, s := range is.Status.Seats {
		if p := w.pool(s.Pool); p != nil {
			w.checkHeld(is, p)
		} else if s.Held() && is.Status.State == usherv1.ObservedActive && s.AddOn == "" && !slices.Equal(was.Status.Seats, is.Status.Seats) {
			w.violated("held-is-claimed", "member %s took a seat of pool %s, which is gone", is.Name, s.Pool)
		}
	}
}

// checkReasons: the member's reconciler withdraws access and acceptance only for a reason that was true at some time since it began.
func (w *world) checkReasons(was, is *usherv1.Member) {
	f := &w.actor.facts
	for _, now := range w.times(w.actor) {
		w.observe(f, is.Name, now)
	}
	w.checkEnd(was, is)
	if was.Status.State == usherv1.ObservedActive && is.Status.State != usherv1.ObservedActive && !f.losable {
		w.violated("access-kept", "member %s lost its access without a reason: %s", is.Name, readyReason(is.Status.Conditions))
	}
	if was.Status.AcceptedAt != nil && is.Status.AcceptedAt == nil && is.DeletionTimestamp == nil && !f.unaccepted {
		w.violated("acceptance-kept", "member %s is no longer accepted, and its credentials exist", is.Name)
	}
}

// checkGone: a member's object is deleted only after everything that belongs to it.
func (w *world) checkGone(m *usherv1.Member) {
	if w.accepted(m, w.credentials(m.Name)) && w.actor != nil && !w.actor.facts.unaccepted {
		w.violated("nothing-left", "member %s is gone, and its credentials exist", m.Name)
	}
}

func (w *world) checkOneState(c change, state string, conditions []metav1.Condition) {
	n := 0
	for _, kind := range []string{usherv1.ConditionPending, usherv1.ConditionActive, usherv1.ConditionDisabled} {
		if conditionTrue(conditions, kind) {
			n++
			if kind != state {
				w.violated("one-state", "%s %s is %s and says %s", c.kind, c.key().Name, state, kind)
			}
		}
	}
	if n != 1 {
		w.violated("one-state", "%s %s has %d states", c.kind, c.key().Name, n)
	}
}
