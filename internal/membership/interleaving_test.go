// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	creds "github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/seat"
)

// cluster is a small API server in memory: it keeps all revisions of every object, and a reconciler may see any of them, each object
// as of another time. It interleaves the real Decide and the real Allocate; proof_test.go in package seat does so with models.
type cluster struct {
	*rapid.T
	account []*usherv1.Account
	members []*history[usherv1.Member]
	pools   map[string]*history[usherv1.SeatPool]
	// credentials are the members' credentials, in all versions; a reader may see any of them.
	credentials map[types.UID][]*Credentials
	// invitations are the members' Invitations, in all versions, by UID.
	invitations map[string][]*usherv1.Invitation
	created     int
	// delayed are writes that have not reached the API server yet.
	delayed []func()
}

// history has all revisions of the objects with one name; a nil revision means that the object did not exist.
type history[T any] struct{ revisions []*T }

func (h *history[T]) now() *T      { return h.revisions[len(h.revisions)-1] }
func (h *history[T]) write(o *T)   { h.revisions = append(h.revisions, o) }
func (h *history[T]) version() int { return len(h.revisions) - 1 }

var poolNames = []string{"a", "b", "x"}

func newCluster(t *rapid.T) *cluster {
	c := &cluster{
		T: t, pools: map[string]*history[usherv1.SeatPool]{}, credentials: map[types.UID][]*Credentials{},
		invitations: map[string][]*usherv1.Invitation{},
	}
	c.account = []*usherv1.Account{observed().Account}
	for _, name := range poolNames {
		c.pools[name] = &history[usherv1.SeatPool]{revisions: []*usherv1.SeatPool{nil}}
		c.makePool(name)
	}
	for _, name := range []string{"ada", "bob", "cyd"} {
		c.members = append(c.members, &history[usherv1.Member]{revisions: []*usherv1.Member{nil}})
		c.makeMember(len(c.members)-1, name)
	}
	return c
}

func (c *cluster) pick(n int, what string) int { return rapid.IntRange(0, n-1).Draw(c.T, what) }

// pickVersion draws a version that an old cache may have.
func (c *cluster) pickVersion(versions int, live bool, what string) int {
	if live || versions == 1 {
		return versions - 1
	}
	return max(0, versions-1-max(0, c.pick(8, what)-4))
}

// rarely returns true in one of six cases.
func (c *cluster) rarely(what string) bool { return c.pick(6, what) == 0 }

func (c *cluster) makePool(name string) {
	c.created++
	p := aPool(name, notReconciled)
	p.UID = types.UID(fmt.Sprintf("uid-%s-%d", name, c.created))
	seats := int32(1 + c.pick(2, "seats"))
	p.Spec.Seats = &seats
	if name == "x" {
		p.Spec.AddOn = "pipelines"
	}
	if c.pick(3, "reservation") == 0 {
		onAcceptance(&p)
	}
	p.Finalizers = []string{usherv1.SeatPoolFinalizer}
	c.pools[name].write(&p)
}

func (c *cluster) makeMember(i int, name string) {
	c.created++
	m := observed().Member
	m.Name, m.UID, m.Generation = name, types.UID(fmt.Sprintf("uid-%s-%d", name, c.created)), 1
	m.Spec.Email = usherv1.EmailAddress(name + "@acme.example")
	m.Spec.SeatPoolRefs = []usherv1.SeatPoolReference{{Name: "a"}}
	c.members[i].write(m)
	c.credentials[m.UID] = []*Credentials{nil}
	c.invitations[string(m.UID)] = []*usherv1.Invitation{nil}
}

// userAction changes something as an admin with kubectl, or an invitee, does.
func (c *cluster) userAction() {
	if c.rarely("a pool") {
		name := poolNames[c.pick(len(poolNames), "pool")]
		p := c.pools[name].now()
		if p == nil {
			c.makePool(name)
			return
		}
		p = p.DeepCopy()
		p.Generation++
		switch c.pick(6, "edit the pool") {
		case 0, 1, 2:
			seats := int32(c.pick(4, "seats"))
			p.Spec.Seats = &seats
		case 3, 4:
			p.Spec.Reservation = []usherv1.Reservation{usherv1.ReserveOnInvitation, usherv1.ReserveOnAcceptance}[c.pick(2, "reservation")]
		default:
			if p.DeletionTimestamp != nil {
				allowed(p)
			} else if c.rarely("really") {
				terminating(p)
			}
		}
		c.pools[name].write(p)
		return
	}
	i := c.pick(len(c.members), "member")
	m := c.members[i].now()
	if m == nil {
		c.makeMember(i, []string{"ada", "bob", "cyd"}[i])
		return
	}
	m = m.DeepCopy()
	switch c.pick(10, "edit the member") {
	case 0, 1, 2:
		if m.Spec.State == usherv1.StateDisabled {
			m.Spec.State = usherv1.StateActive
		} else if c.pick(2, "disable") == 0 {
			m.Spec.State = usherv1.StateDisabled
		}
	case 3, 4:
		m.Spec.SeatPoolRefs = nil
		for _, name := range [][]string{{}, {"a"}, {"b"}, {"a", "x"}, {"b", "x"}}[c.pick(5, "refs")] {
			m.Spec.SeatPoolRefs = append(m.Spec.SeatPoolRefs, usherv1.SeatPoolReference{Name: name})
		}
	case 5, 6, 7:
		c.credentials[m.UID] = append(c.credentials[m.UID], &Credentials{MemberUID: string(m.UID), AcceptedAt: *later(0), Signature: creds.Signed})
		return
	case 8:
		o := Observation{Member: m}
		states := []usherv1.InvitationState{usherv1.InvitationSent, usherv1.InvitationExpired, usherv1.InvitationRevoked}
		invitation(states[c.pick(len(states), "invitation")])(&o)
		c.invitations[string(m.UID)] = append(c.invitations[string(m.UID)], o.Invitation)
		return
	default:
		if c.rarely("delete the member") {
			m.DeletionTimestamp = later(0)
		}
	}
	m.Generation++
	c.members[i].write(m)
}

func (c *cluster) editAccount() {
	a := c.account[len(c.account)-1].DeepCopy()
	a.Spec.State = []usherv1.State{usherv1.StateActive, usherv1.StateActive, usherv1.StateDisabled}[c.pick(3, "account")]
	c.account = append(c.account, a)
}

func (c *cluster) seenPools(live bool) []usherv1.SeatPool {
	var seen []usherv1.SeatPool
	for _, name := range poolNames {
		h := c.pools[name]
		if p := h.revisions[c.pickVersion(len(h.revisions), live, "pool "+name)]; p != nil {
			seen = append(seen, *p.DeepCopy())
		}
	}
	return seen
}

func (c *cluster) observe(m *usherv1.Member, live bool) Observation {
	answers, invitations := c.credentials[m.UID], c.invitations[string(m.UID)]
	o := Observation{
		Member: m.DeepCopy(), Pools: c.seenPools(live), Account: c.account[c.pickVersion(len(c.account), live, "account")].DeepCopy(),
		Credentials: answers[c.pickVersion(len(answers), live, "credentials")],
		Invitation:  invitations[c.pickVersion(len(invitations), live, "invitation")],
	}
	if m.DeletionTimestamp != nil && live {
		o.Credentials = nil
	}
	// Bindings and API tokens follow the state at once here; package access tests how bindings do.
	o.Withdrawn = live && m.Status.State != usherv1.ObservedActive
	if o.Credentials != nil && m.Status.DisabledAt != nil {
		rotated := *o.Credentials
		rotated.TokenRotatedFor = m.Status.DisabledAt.Time
		o.Credentials = &rotated
	}
	o.Account.Status.Departures = []usherv1.Departure{{UID: string(m.UID)}}
	return o
}

// reconcileMember is one pass of a Member reconciler, whose write may arrive much later.
func (c *cluster) reconcileMember(i int, live bool) (changed bool) {
	h := c.members[i]
	read := c.pickVersion(len(h.revisions), live || !c.rarely("old member"), "member")
	m := h.revisions[read]
	if m == nil {
		return false
	}
	o := c.observe(m, live)
	d := Decide(o, now)
	if d.NeedsLiveReads() {
		read, m = h.version(), h.now()
		if m == nil || m.UID != o.Member.UID {
			return false
		}
		o = c.observe(m, true)
		d = Decide(o, now)
	}
	write := func() {
		now := h.now()
		if h.version() != read || now == nil || !admits(now.Status, d.Status) {
			return // a conflict, or refused
		}
		next := now.DeepCopy()
		next.Status = d.Status
		switch {
		case d.Forget:
			h.write(nil)
		case !equality.Semantic.DeepEqual(now.Status, next.Status):
			h.write(next)
		}
	}
	if !live && c.pick(4, "late") == 0 {
		c.delayed = append(c.delayed, write)
		return false
	}
	before := h.version()
	write()
	return h.version() != before
}

// admits reports whether the CRD's rules accept the status.
func admits(old, next usherv1.MemberStatus) bool {
	for _, s := range next.Seats {
		for _, was := range old.Seats {
			if was.Pool == s.Pool && s.ReleasedGrant < was.ReleasedGrant {
				return false
			}
		}
	}
	return next.State != usherv1.ObservedActive ||
		slices.ContainsFunc(next.Seats, func(s usherv1.MemberSeat) bool { return s.AddOn == "" && s.Held() })
}

// reconcilePool is one pass of a SeatPool reconciler.
func (c *cluster) reconcilePool(name string, live bool) (changed bool) {
	h := c.pools[name]
	read := c.pickVersion(len(h.revisions), live || !c.rarely("old ledger"), "ledger")
	if h.revisions[read] == nil {
		return false
	}
	pool := h.revisions[read].DeepCopy()
	account, pools := c.account[c.pickVersion(len(c.account), live, "account")], c.seenPools(live)
	var candidates []seat.Candidate
	present := map[string]bool{}
	for _, m := range c.members {
		if seen := m.revisions[c.pickVersion(len(m.revisions), live, "member")]; seen != nil {
			candidates = append(candidates, seat.CandidateOf(seen, pool, account, plan.For(account, nil), pools, now))
		}
		if m.now() != nil {
			present[string(m.now().UID)] = true
		}
	}
	gone := map[string]bool{}
	for _, uid := range seat.Strangers(pool.Status.Claims, candidates) {
		if !present[uid] {
			gone[uid] = true
		}
	}
	seats := plan.For(account, nil).SeatsOf(pool, pools)
	pool.Status, _ = seat.StatusOf(pool, seat.Allocate(seat.LedgerOf(pool), seats.Capacity(), candidates, gone), seats, now)
	write := func() {
		if h.version() != read {
			return // a conflict
		}
		old := h.now()
		if n := len(pool.Status.Claims); n > len(old.Status.Claims) && n > int(*old.Spec.Seats) {
			c.Fatalf("the API server refuses %d claims of %s", n, name)
		}
		switch {
		case pool.DeletionTimestamp != nil && len(pool.Status.Claims) == 0:
			h.write(nil)
		case !equality.Semantic.DeepEqual(old.Status, pool.Status):
			h.write(pool)
		}
	}
	if !live && c.pick(4, "late") == 0 {
		c.delayed = append(c.delayed, write)
		return false
	}
	before := h.version()
	write()
	return h.version() != before
}

func (c *cluster) arrive() {
	if len(c.delayed) > 0 {
		i := c.pick(len(c.delayed), "which")
		write := c.delayed[i]
		c.delayed = slices.Delete(c.delayed, i, i+1)
		write()
	}
}

// check returns an error if a member holds a seat that is not in the ledger now.
func (c *cluster) check() error {
	for _, h := range c.members {
		m := h.now()
		if m == nil {
			continue
		}
		for _, s := range m.Status.Seats {
			if !s.Held() {
				continue
			}
			p := c.pools[s.Pool].now()
			if p == nil {
				return fmt.Errorf("%s is %s and holds a seat of %s, which does not exist", m.Name, m.Status.State, s.Pool)
			}
			if claim := p.Status.Claims[string(m.UID)]; claim != s.Grant {
				return fmt.Errorf("%s is %s and holds grant %d of %s; the ledger has %d", m.Name, m.Status.State, s.Grant, s.Pool, claim)
			}
		}
	}
	return nil
}

// rest runs every reconciler with the latest state until none of them writes.
func (c *cluster) rest() error {
	c.delayed = nil
	for range 30 {
		changed := false
		for _, name := range poolNames {
			changed = c.reconcilePool(name, true) || changed
		}
		for i := range c.members {
			changed = c.reconcileMember(i, true) || changed
		}
		if err := c.check(); err != nil {
			return err
		}
		if !changed {
			return c.settled()
		}
	}
	return fmt.Errorf("the reconcilers never come to rest")
}

// settled returns an error if a member waits for a free seat, or a claim has no member.
func (c *cluster) settled() error {
	holders := map[string]*usherv1.Member{}
	for _, h := range c.members {
		m := h.now()
		if m == nil {
			continue
		}
		holders[string(m.UID)] = m
		if m.DeletionTimestamp != nil {
			return fmt.Errorf("the finalizer of %s is never removed", m.Name)
		}
		if held := seatsHeld(m.Status); m.Spec.State == usherv1.StateDisabled && len(held) > 0 {
			return fmt.Errorf("%s is disabled and holds seats of %v", m.Name, held)
		}
	}
	for _, name := range poolNames {
		p := c.pools[name].now()
		if p == nil {
			continue
		}
		if seat.TakesBack(p) || p.DeletionTimestamp != nil && !meta.IsStatusConditionTrue(p.Status.Conditions, usherv1.ConditionDeletionBlocked) {
			return fmt.Errorf("the finalizer of %s is never removed: %v", name, p.Status.Claims)
		}
		if p.DeletionTimestamp == nil && *p.Status.Waiting > 0 && *p.Status.Available > 0 {
			return fmt.Errorf("a member waits for %s, which has free seats", name)
		}
		for uid, claim := range p.Status.Claims {
			m := holders[uid]
			if m == nil {
				return fmt.Errorf("claim %d of %s belongs to no member", claim, name)
			}
			// A member whose account is disabled or whose pool is unknown neither takes a seat nor gives one back.
			switch conditions.Reason(m.Status.Conditions, usherv1.ConditionReady) {
			case usherv1.ReasonAccountDisabled, usherv1.ReasonSeatPoolNotFound:
			default:
				if !slices.Contains(seatsHeld(m.Status), name) {
					return fmt.Errorf("claim %d of %s is not what %s holds: %+v", claim, name, m.Name, m.Status.Seats)
				}
			}
		}
	}
	return nil
}

func seatsHeld(s usherv1.MemberStatus) (pools []string) {
	for _, x := range s.Seats {
		if x.Held() {
			pools = append(pools, x.Pool)
		}
	}
	return pools
}

// interleave runs users and reconcilers in a random order, and returns the first violation.
func interleave(t *rapid.T) error {
	c := newCluster(t)
	for range 150 {
		switch c.pick(14, "what happens") {
		case 0, 1:
			c.userAction()
		case 2:
			if c.rarely("administrate") {
				c.editAccount()
			}
		case 3, 4, 5, 6, 7:
			c.reconcilePool(poolNames[c.pick(len(poolNames), "pool")], false)
		case 8:
			c.arrive()
		default:
			c.reconcileMember(c.pick(len(c.members), "member"), false)
		}
		if err := c.check(); err != nil {
			return err
		}
	}
	return c.rest()
}

// With any number of operators and caches of any age, the ledger always has the grant of every seat that a member holds. Once all
// operators have seen the latest state, no work is left.
func TestEveryHeldSeatIsInTheLedger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if err := interleave(t); err != nil {
			t.Fatal(err)
		}
	})
	outcome := rapid.Custom(interleave)
	for seed := range 300 {
		if err := outcome.Example(seed); err != nil {
			t.Fatalf("example %d: %v", seed, err)
		}
	}
}
