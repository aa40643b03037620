// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seat

import (
	"maps"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// poolModel is one pool and its members, with all their versions: the SeatPool controller may see any of them.
type poolModel struct {
	ledger   Ledger
	capacity int
	// members are all versions of the Members by UID; the last one is the present one, unless the Member is gone.
	members map[string][]Candidate
	gone    map[string]bool
	uids    []string
	// highest are the highest grants of each member since the ledger was last wiped.
	highest map[string]int64
	wiped   bool
}

func newPoolModel() *poolModel {
	return &poolModel{members: map[string][]Candidate{}, gone: map[string]bool{}, highest: map[string]int64{}}
}

func (p *poolModel) now(uid string) Candidate { s := p.members[uid]; return s[len(s)-1] }

func (p *poolModel) change(uid string, edit func(*Candidate)) {
	c := p.now(uid)
	edit(&c)
	p.members[uid] = append(p.members[uid], c)
}

func (p *poolModel) anyMember(t *rapid.T) string {
	var present []string
	for _, uid := range p.uids {
		if !p.gone[uid] {
			present = append(present, uid)
		}
	}
	if len(present) == 0 {
		t.Skip("no members")
	}
	return rapid.SampledFrom(present).Draw(t, "uid")
}

func (p *poolModel) join(t *rapid.T) {
	// There are few addresses, names and times, so that some are equal.
	name := rapid.StringMatching(`[a-c]`).Draw(t, "name")
	c := cand(name, created(rapid.IntRange(0, 3).Draw(t, "created")), address(rapid.StringMatching(`[x-z]@acme\.example`).Draw(t, "email")))
	c.UID = name + "-" + string(rune('A'+len(p.uids)%26)) + string(rune('A'+len(p.uids)/26))
	p.uids = append(p.uids, c.UID)
	p.members[c.UID] = []Candidate{c}
}

func (p *poolModel) toggle(t *rapid.T) {
	p.change(p.anyMember(t), func(c *Candidate) { c.Wants = !c.Wants })
}

func (p *poolModel) accept(t *rapid.T) {
	at := rapid.IntRange(0, 3).Draw(t, "at")
	p.change(p.anyMember(t), acceptedAt(at))
}

func (p *poolModel) readdress(t *rapid.T) {
	email := rapid.StringMatching(`[x-z]@acme\.example`).Draw(t, "email")
	p.change(p.anyMember(t), address(email))
}

func (p *poolModel) use(t *rapid.T) {
	uid := p.anyMember(t)
	p.change(uid, func(c *Candidate) {
		if claim := p.ledger.Claims[uid]; claim > c.ReleasedGrant {
			c.Grant, c.Active = claim, true
		}
	})
}

func (p *poolModel) release(t *rapid.T) {
	uid := p.anyMember(t)
	p.change(uid, func(c *Candidate) {
		c.ReleasedGrant, c.Active = max(c.ReleasedGrant, c.Grant, p.ledger.Claims[uid]), false
	})
}

func (p *poolModel) leave(t *rapid.T)  { p.gone[p.anyMember(t)] = true }
func (p *poolModel) resize(t *rapid.T) { p.capacity = rapid.IntRange(0, 6).Draw(t, "capacity") }

func (p *poolModel) wipe(*rapid.T) {
	p.ledger, p.highest, p.wiped = Ledger{}, map[string]int64{}, true
}

// views returns the members as an old cache may have them: each as of another time, some not created yet, some not deleted yet.
func (p *poolModel) views(t *rapid.T) []Candidate {
	var seen []Candidate
	for _, uid := range p.uids {
		history := p.members[uid]
		newest := len(history) - 1
		if p.gone[uid] {
			newest = rapid.SampledFrom([]int{-1, newest}).Draw(t, "not deleted yet")
		}
		back := rapid.IntRange(0, 3).Draw(t, "behind")
		if version := newest - back; version >= 0 {
			seen = append(seen, history[version])
		}
	}
	return rapid.Permutation(seen).Draw(t, "order")
}

// reconcile is one pass of the SeatPool controller, and checks every guarantee of Allocate against the members' present versions.
func (p *poolModel) reconcile(t *rapid.T) {
	old, seen := p.ledger, p.views(t)
	gone := map[string]bool{}
	for _, uid := range Strangers(old.Claims, seen) {
		if p.gone[uid] {
			gone[uid] = true
		}
	}
	untouched := maps.Clone(old.Claims)
	next := Allocate(old, p.capacity, seen, gone)
	if !maps.Equal(old.Claims, untouched) {
		t.Fatalf("Allocate changed its argument")
	}
	p.ledger = next

	if len(next.Claims) > max(p.capacity, len(old.Claims)) {
		t.Fatalf("%d claims after %d, with %d seats", len(next.Claims), len(old.Claims), p.capacity)
	}
	for uid, grant := range old.Claims {
		now, claimed := next.Claims[uid]
		if (!claimed || now != grant) && !p.gone[uid] && p.now(uid).ReleasedGrant < grant {
			t.Fatalf("claim %d of %s was dropped; the member gave back %d", grant, uid, p.now(uid).ReleasedGrant)
		}
	}
	emails, views := map[string]int{}, map[string]Candidate{}
	for _, c := range seen {
		views[c.UID] = c
		if _, claimed := next.Claims[c.UID]; claimed {
			emails[c.Email]++
		}
	}
	added := map[string]bool{}
	for uid, grant := range next.Claims {
		if grant == old.Claims[uid] {
			continue
		}
		added[uid] = true
		view, known := views[uid]
		if !known || !view.Wants {
			t.Fatalf("%s does not want a seat and got one", uid)
		}
		if len(next.Claims) > min(p.capacity, MaxClaims) {
			t.Fatalf("%s got a seat beyond the capacity", uid)
		}
		if grant <= old.LastGrant || grant > next.LastGrant || grant <= view.Grant || grant <= view.ReleasedGrant || grant <= p.highest[uid] {
			t.Fatalf("grant %d of %s does not grow: pool had %d, member %d/%d, highest %d",
				grant, uid, old.LastGrant, view.Grant, view.ReleasedGrant, p.highest[uid])
		}
		if !p.wiped && grant <= p.now(uid).ReleasedGrant {
			t.Fatalf("grant %d of %s was given back already", grant, uid)
		}
		if emails[view.Email] > 1 {
			t.Fatalf("%s got a seat for an address that has another claim", uid)
		}
		p.highest[uid] = grant
	}
	waiting := 0
	for _, c := range seen {
		if _, claimed := next.Claims[c.UID]; claimed || !c.Wants {
			continue
		}
		waiting++
		if emails[c.Email] > 0 {
			continue
		}
		if len(next.Claims) < p.capacity {
			t.Fatalf("%s waits while a seat is free", c.UID)
		}
		for uid := range added {
			if precedence(c, views[uid]) < 0 {
				t.Fatalf("%s got a seat before %s", uid, c.UID)
			}
		}
	}
	if next.Waiting != waiting || next.Assigned+next.Reserved != len(next.Claims) {
		t.Fatalf("counts are wrong: %+v, %d wait", next, waiting)
	}
	if again := Allocate(next, p.capacity, seen, gone); !reflect.DeepEqual(again, next) {
		t.Fatalf("a second pass changes the ledger: %+v, then %+v", next, again)
	}
}

func TestAllocateInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPoolModel()
		p.capacity = rapid.IntRange(0, 4).Draw(t, "capacity")
		t.Repeat(map[string]func(*rapid.T){
			"join": p.join, "join again": p.join, "toggle": p.toggle, "accept": p.accept, "readdress": p.readdress, "use": p.use,
			"release": p.release, "leave": p.leave, "resize": p.resize, "wipe": p.wipe, "reconcile": p.reconcile, "reconcile again": p.reconcile,
		})
	})
}

// A total order: sorting gives the same result from every initial order.
func TestPrecedenceIsTotal(t *testing.T) {
	someone := rapid.Custom(func(t *rapid.T) Candidate {
		p := newPoolModel()
		p.join(t)
		c := p.now(p.uids[0])
		c.UID = rapid.StringMatching(`[A-F]`).Draw(t, "uid")
		c.Active = rapid.Bool().Draw(t, "active")
		c.Grant, c.ReleasedGrant = int64(rapid.IntRange(0, 2).Draw(t, "grant")), int64(rapid.IntRange(0, 2).Draw(t, "released"))
		if rapid.Bool().Draw(t, "accepted") {
			c.AcceptedAt = minute(rapid.IntRange(0, 2).Draw(t, "acceptedAt"))
		}
		return c
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := someone.Draw(t, "a"), someone.Draw(t, "b"), someone.Draw(t, "c")
		if precedence(a, b) != -precedence(b, a) {
			t.Fatalf("the order of two members depends on the order of the arguments")
		}
		if a.UID != b.UID && precedence(a, b) == 0 {
			t.Fatalf("two members have no order")
		}
		if precedence(a, b) <= 0 && precedence(b, c) <= 0 && precedence(a, c) > 0 {
			t.Fatalf("a before b before c before a")
		}
	})
}
