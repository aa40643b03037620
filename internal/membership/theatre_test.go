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
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/seat"
)

// theatre is an API server in miniature: every object with all its revisions, of which a reconciler may see any, each object at
// another time. It plays the real Decide and the real Allocate against each other; seat's proof_test.go does so with models.
type theatre struct {
	*rapid.T
	account []*usherv1.Account
	members []*history[usherv1.Member]
	pools   map[string]*history[usherv1.SeatPool]
	// answers are the members' credentials; every reader sees a change at once, but not all of them read at the same time.
	answers map[types.UID][]*Credentials
	// mood is what has become of a member's invitation.
	mood map[string][]*usherv1.Invitation
	born int
	// late are writes that are still under way.
	late []func()
}

// history of one name: nil revisions are times at which there was no such object.
type history[T any] struct{ revisions []*T }

func (h *history[T]) now() *T      { return h.revisions[len(h.revisions)-1] }
func (h *history[T]) write(o *T)   { h.revisions = append(h.revisions, o) }
func (h *history[T]) version() int { return len(h.revisions) - 1 }

var poolNames = []string{"a", "b", "x"}

func newTheatre(t *rapid.T) *theatre {
	th := &theatre{T: t, pools: map[string]*history[usherv1.SeatPool]{}, answers: map[types.UID][]*Credentials{}, mood: map[string][]*usherv1.Invitation{}}
	th.account = []*usherv1.Account{observed().Account}
	for _, name := range poolNames {
		th.pools[name] = &history[usherv1.SeatPool]{revisions: []*usherv1.SeatPool{nil}}
		th.makePool(name)
	}
	for _, name := range []string{"ada", "bob", "cyd"} {
		th.members = append(th.members, &history[usherv1.Member]{revisions: []*usherv1.Member{nil}})
		th.makeMember(len(th.members)-1, name)
	}
	return th
}

func (th *theatre) pick(n int, what string) int { return rapid.IntRange(0, n-1).Draw(th.T, what) }

// behind is a version that an old cache may have.
func (th *theatre) behind(versions int, live bool, what string) int {
	if live || versions == 1 {
		return versions - 1
	}
	return max(0, versions-1-max(0, th.pick(8, what)-4))
}

// rarely is true now and then.
func (th *theatre) rarely(what string) bool { return th.pick(6, what) == 0 }

func (th *theatre) makePool(name string) {
	th.born++
	p := aPool(name, unkept)
	p.UID = types.UID(fmt.Sprintf("uid-%s-%d", name, th.born))
	seats := int32(1 + th.pick(2, "seats"))
	p.Spec.Seats = &seats
	if name == "x" {
		p.Spec.AddOn = "pipelines"
	}
	if th.pick(3, "reservation") == 0 {
		onAcceptance(&p)
	}
	p.Finalizers = []string{usherv1.SeatPoolFinalizer}
	th.pools[name].write(&p)
}

func (th *theatre) makeMember(i int, name string) {
	th.born++
	m := observed().Member
	m.Name, m.UID, m.Generation = name, types.UID(fmt.Sprintf("uid-%s-%d", name, th.born)), 1
	m.Spec.Email = usherv1.EmailAddress(name + "@acme.example")
	m.Spec.SeatPoolRefs = []usherv1.SeatPoolReference{{Name: "a"}}
	th.members[i].write(m)
	th.answers[m.UID] = []*Credentials{nil}
	th.mood[string(m.UID)] = []*usherv1.Invitation{nil}
}

// user is a person with kubectl, or an invitee.
func (th *theatre) user() {
	if th.rarely("a pool") {
		name := poolNames[th.pick(len(poolNames), "pool")]
		p := th.pools[name].now()
		if p == nil {
			th.makePool(name)
			return
		}
		p = p.DeepCopy()
		p.Generation++
		switch th.pick(6, "edit the pool") {
		case 0, 1, 2:
			seats := int32(th.pick(4, "seats"))
			p.Spec.Seats = &seats
		case 3, 4:
			p.Spec.Reservation = []usherv1.Reservation{usherv1.ReserveOnInvitation, usherv1.ReserveOnAcceptance}[th.pick(2, "reservation")]
		default:
			if p.DeletionTimestamp != nil {
				allowed(p)
			} else if th.rarely("really") {
				terminating(p)
			}
		}
		th.pools[name].write(p)
		return
	}
	i := th.pick(len(th.members), "member")
	m := th.members[i].now()
	if m == nil {
		th.makeMember(i, []string{"ada", "bob", "cyd"}[i])
		return
	}
	m = m.DeepCopy()
	switch th.pick(10, "edit the member") {
	case 0, 1, 2:
		if m.Spec.State == usherv1.StateDisabled {
			m.Spec.State = usherv1.StateActive
		} else if th.pick(2, "disable") == 0 {
			m.Spec.State = usherv1.StateDisabled
		}
	case 3, 4:
		m.Spec.SeatPoolRefs = nil
		for _, name := range [][]string{{}, {"a"}, {"b"}, {"a", "x"}, {"b", "x"}}[th.pick(5, "refs")] {
			m.Spec.SeatPoolRefs = append(m.Spec.SeatPoolRefs, usherv1.SeatPoolReference{Name: name})
		}
	case 5, 6, 7:
		th.answers[m.UID] = append(th.answers[m.UID], &Credentials{MemberUID: string(m.UID), AcceptedAt: *later(0)})
		return
	case 8:
		o := Observation{Member: m}
		invitation([]usherv1.InvitationState{usherv1.InvitationSent, usherv1.InvitationExpired, usherv1.InvitationRevoked}[th.pick(3, "invitation")])(&o)
		th.mood[string(m.UID)] = append(th.mood[string(m.UID)], o.Invitation)
		return
	default:
		if th.rarely("delete the member") {
			m.DeletionTimestamp = later(0)
		}
	}
	m.Generation++
	th.members[i].write(m)
}

func (th *theatre) administrator() {
	a := th.account[len(th.account)-1].DeepCopy()
	a.Spec.State = []usherv1.State{usherv1.StateActive, usherv1.StateActive, usherv1.StateDisabled}[th.pick(3, "account")]
	th.account = append(th.account, a)
}

func (th *theatre) see(live bool) []usherv1.SeatPool {
	var seen []usherv1.SeatPool
	for _, name := range poolNames {
		h := th.pools[name]
		if p := h.revisions[th.behind(len(h.revisions), live, "pool "+name)]; p != nil {
			seen = append(seen, *p.DeepCopy())
		}
	}
	return seen
}

func (th *theatre) observe(m *usherv1.Member, live bool) Observation {
	answers, moods := th.answers[m.UID], th.mood[string(m.UID)]
	o := Observation{
		Member: m.DeepCopy(), Pools: th.see(live), Account: th.account[th.behind(len(th.account), live, "account")].DeepCopy(),
		Credentials: answers[th.behind(len(answers), live, "credentials")], Invitation: moods[th.behind(len(moods), live, "invitation")],
	}
	if m.DeletionTimestamp != nil && live {
		o.Credentials = nil
	}
	// Bindings and API tokens follow the state at once here; how bindings do is package access's.
	o.Withdrawn = live && m.Status.State != usherv1.ObservedActive
	if o.Credentials != nil && m.Status.DisabledAt != nil {
		rotated := *o.Credentials
		rotated.TokenRotatedFor = m.Status.DisabledAt.Time
		o.Credentials = &rotated
	}
	o.Account.Status.Departures = []usherv1.Departure{{UID: string(m.UID)}}
	return o
}

// judge is one pass of some Member reconciler, whose write may arrive much later.
func (th *theatre) judge(i int, live bool) (changed bool) {
	h := th.members[i]
	read := th.behind(len(h.revisions), live || !th.rarely("old member"), "member")
	m := h.revisions[read]
	if m == nil {
		return false
	}
	o := th.observe(m, live)
	d := Decide(o, now)
	if d.NeedsLiveReads() {
		read, m = h.version(), h.now()
		if m == nil || m.UID != o.Member.UID {
			return false
		}
		o = th.observe(m, true)
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
	if !live && th.pick(4, "late") == 0 {
		th.late = append(th.late, write)
		return false
	}
	before := h.version()
	write()
	return h.version() != before
}

// admits is what the CRD's rules say.
func admits(old, next usherv1.MemberStatus) bool {
	for _, s := range next.Seats {
		for _, was := range old.Seats {
			if was.Pool == s.Pool && s.ReleasedGrant < was.ReleasedGrant {
				return false
			}
		}
	}
	return next.State != usherv1.ObservedActive || slices.ContainsFunc(next.Seats, func(s usherv1.MemberSeat) bool { return s.AddOn == "" && s.Held() })
}

// keep is one pass of some SeatPool reconciler.
func (th *theatre) keep(name string, live bool) (changed bool) {
	h := th.pools[name]
	read := th.behind(len(h.revisions), live || !th.rarely("old ledger"), "ledger")
	if h.revisions[read] == nil {
		return false
	}
	pool := h.revisions[read].DeepCopy()
	account, pools := th.account[th.behind(len(th.account), live, "account")], th.see(live)
	var candidates []seat.Candidate
	present := map[string]bool{}
	for _, m := range th.members {
		if seen := m.revisions[th.behind(len(m.revisions), live, "member")]; seen != nil {
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
	pool.Status = seat.StatusOf(pool, seat.Allocate(seat.LedgerOf(pool), seats.Capacity(), candidates, gone), seats, now)
	write := func() {
		if h.version() != read {
			return // a conflict
		}
		old := h.now()
		if n := len(pool.Status.Claims); n > len(old.Status.Claims) && n > int(*old.Spec.Seats) {
			th.Fatalf("the API server refuses %d claims of %s", n, name)
		}
		switch {
		case pool.DeletionTimestamp != nil && len(pool.Status.Claims) == 0:
			h.write(nil)
		case !equality.Semantic.DeepEqual(old.Status, pool.Status):
			h.write(pool)
		}
	}
	if !live && th.pick(4, "late") == 0 {
		th.late = append(th.late, write)
		return false
	}
	before := h.version()
	write()
	return h.version() != before
}

func (th *theatre) arrive() {
	if len(th.late) > 0 {
		i := th.pick(len(th.late), "which")
		write := th.late[i]
		th.late = slices.Delete(th.late, i, i+1)
		write()
	}
}

// check finds a member that relies on a seat which is not in the ledger, at this very moment.
func (th *theatre) check() error {
	for _, h := range th.members {
		m := h.now()
		if m == nil {
			continue
		}
		for _, s := range m.Status.Seats {
			if !s.Held() {
				continue
			}
			p := th.pools[s.Pool].now()
			if p == nil {
				return fmt.Errorf("%s is %s on a seat of %s, which is gone", m.Name, m.Status.State, s.Pool)
			}
			if claim := p.Status.Claims[string(m.UID)]; claim != s.Grant {
				return fmt.Errorf("%s is %s on grant %d of %s; the ledger says %d", m.Name, m.Status.State, s.Grant, s.Pool, claim)
			}
		}
	}
	return nil
}

// rest lets every actor see everything and finish its work; that takes few steps.
func (th *theatre) rest() error {
	th.late = nil
	for range 30 {
		changed := false
		for _, name := range poolNames {
			changed = th.keep(name, true) || changed
		}
		for i := range th.members {
			changed = th.judge(i, true) || changed
		}
		if err := th.check(); err != nil {
			return err
		}
		if !changed {
			return th.settled()
		}
	}
	return fmt.Errorf("they never come to rest")
}

// settled finds free seats that a member waits for, and claims without a member.
func (th *theatre) settled() error {
	holders := map[string]*usherv1.Member{}
	for _, h := range th.members {
		m := h.now()
		if m == nil {
			continue
		}
		holders[string(m.UID)] = m
		if m.DeletionTimestamp != nil {
			return fmt.Errorf("%s is never let go", m.Name)
		}
		if held := seatsHeld(m.Status); m.Spec.State == usherv1.StateDisabled && len(held) > 0 {
			return fmt.Errorf("%s is disabled and sits in %v", m.Name, held)
		}
	}
	for _, name := range poolNames {
		p := th.pools[name].now()
		if p == nil {
			continue
		}
		if seat.TakesBack(p) || p.DeletionTimestamp != nil && !meta.IsStatusConditionTrue(p.Status.Conditions, usherv1.ConditionDeletionBlocked) {
			return fmt.Errorf("%s is never let go: %v", name, p.Status.Claims)
		}
		if p.DeletionTimestamp == nil && *p.Status.Waiting > 0 && *p.Status.Available > 0 {
			return fmt.Errorf("a member waits for %s, which has free seats", name)
		}
		for uid, claim := range p.Status.Claims {
			m := holders[uid]
			if m == nil {
				return fmt.Errorf("claim %d of %s belongs to no member", claim, name)
			}
			// Who is neither in nor out, because of its account or its pools, neither takes a seat nor gives one back.
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

// play lets things happen in any order, and returns what was wrong at the first moment at which something was.
func play(t *rapid.T) error {
	th := newTheatre(t)
	for range 150 {
		switch th.pick(14, "what happens") {
		case 0, 1:
			th.user()
		case 2:
			if th.rarely("administrate") {
				th.administrator()
			}
		case 3, 4, 5, 6, 7:
			th.keep(poolNames[th.pick(len(poolNames), "pool")], false)
		case 8:
			th.arrive()
		default:
			th.judge(th.pick(len(th.members), "member"), false)
		}
		if err := th.check(); err != nil {
			return err
		}
	}
	return th.rest()
}

// Any number of operators with caches of any age, at every moment: a member that relies on a seat is in the ledger with that very
// grant. And once they all have seen everything, nothing is left undone.
func TestWhoeverReliesOnASeatIsInTheLedger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if err := play(t); err != nil {
			t.Fatal(err)
		}
	})
	outcome := rapid.Custom(play)
	for seed := range 300 {
		if err := outcome.Example(seed); err != nil {
			t.Fatalf("play %d: %v", seed, err)
		}
	}
}
