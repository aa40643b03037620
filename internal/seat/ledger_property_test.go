// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seat

import (
	"maps"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// house is one pool and its members as they really are, with all that they ever were: the SeatPool controller may see any of it.
type house struct {
	ledger   Ledger
	capacity int
	// members by UID; the last snapshot is the present one. Members that are gone have no present.
	members map[string][]Candidate
	gone    map[string]bool
	uids    []string
	// given are the highest numbers so far, since the ledger was last wiped.
	given map[string]int64
	wiped bool
}

func newHouse() *house {
	return &house{members: map[string][]Candidate{}, gone: map[string]bool{}, given: map[string]int64{}}
}

func (h *house) now(uid string) Candidate { s := h.members[uid]; return s[len(s)-1] }

func (h *house) change(uid string, edit func(*Candidate)) {
	c := h.now(uid)
	edit(&c)
	h.members[uid] = append(h.members[uid], c)
}

func (h *house) someone(t *rapid.T) string {
	var there []string
	for _, uid := range h.uids {
		if !h.gone[uid] {
			there = append(there, uid)
		}
	}
	if len(there) == 0 {
		t.Skip("no members")
	}
	return rapid.SampledFrom(there).Draw(t, "uid")
}

func (h *house) join(t *rapid.T) {
	// Few addresses, names and times, so that they clash.
	name := rapid.StringMatching(`[a-c]`).Draw(t, "name")
	c := cand(name, created(rapid.IntRange(0, 3).Draw(t, "created")), address(rapid.StringMatching(`[x-z]@acme\.example`).Draw(t, "email")))
	c.UID = name + "-" + string(rune('A'+len(h.uids)%26)) + string(rune('A'+len(h.uids)/26))
	h.uids = append(h.uids, c.UID)
	h.members[c.UID] = []Candidate{c}
}

func (h *house) toggle(t *rapid.T) {
	h.change(h.someone(t), func(c *Candidate) { c.Wants = !c.Wants })
}

func (h *house) accept(t *rapid.T) {
	at := rapid.IntRange(0, 3).Draw(t, "at")
	h.change(h.someone(t), acceptedAt(at))
}

func (h *house) readdress(t *rapid.T) {
	email := rapid.StringMatching(`[x-z]@acme\.example`).Draw(t, "email")
	h.change(h.someone(t), address(email))
}

func (h *house) use(t *rapid.T) {
	uid := h.someone(t)
	h.change(uid, func(c *Candidate) {
		if claim := h.ledger.Claims[uid]; claim > c.ReleasedGrant {
			c.Grant, c.Active = claim, true
		}
	})
}

func (h *house) release(t *rapid.T) {
	uid := h.someone(t)
	h.change(uid, func(c *Candidate) {
		c.ReleasedGrant, c.Active = max(c.ReleasedGrant, c.Grant, h.ledger.Claims[uid]), false
	})
}

func (h *house) leave(t *rapid.T)  { h.gone[h.someone(t)] = true }
func (h *house) resize(t *rapid.T) { h.capacity = rapid.IntRange(0, 6).Draw(t, "capacity") }

func (h *house) wipe(*rapid.T) {
	h.ledger, h.given, h.wiped = Ledger{}, map[string]int64{}, true
}

// views are the members as an old cache may have them: each at another time, some not yet there, some still there.
func (h *house) views(t *rapid.T) []Candidate {
	var seen []Candidate
	for _, uid := range h.uids {
		history := h.members[uid]
		newest := len(history) - 1
		if h.gone[uid] {
			newest = rapid.SampledFrom([]int{-1, newest}).Draw(t, "still there")
		}
		back := rapid.IntRange(0, 3).Draw(t, "behind")
		if version := newest - back; version >= 0 {
			seen = append(seen, history[version])
		}
	}
	return rapid.Permutation(seen).Draw(t, "order")
}

// keep is one pass of the SeatPool controller, with every promise of Allocate checked against what is really so.
func (h *house) keep(t *rapid.T) {
	old, seen := h.ledger, h.views(t)
	gone := map[string]bool{}
	for _, uid := range Strangers(old.Claims, seen) {
		if h.gone[uid] {
			gone[uid] = true
		}
	}
	untouched := maps.Clone(old.Claims)
	next := Allocate(old, h.capacity, seen, gone)
	if !maps.Equal(old.Claims, untouched) {
		t.Fatalf("Allocate changed the ledger that it was given")
	}
	h.ledger = next

	if len(next.Claims) > max(h.capacity, len(old.Claims)) {
		t.Fatalf("%d claims after %d, with %d seats", len(next.Claims), len(old.Claims), h.capacity)
	}
	for uid, grant := range old.Claims {
		now, claimed := next.Claims[uid]
		if (!claimed || now != grant) && !h.gone[uid] && h.now(uid).ReleasedGrant < grant {
			t.Fatalf("claim %d of %s was dropped; the member gave back %d", grant, uid, h.now(uid).ReleasedGrant)
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
			t.Fatalf("%s got a seat without wanting one", uid)
		}
		if len(next.Claims) > min(h.capacity, MaxClaims) {
			t.Fatalf("%s got a seat beyond the capacity", uid)
		}
		if grant <= old.LastGrant || grant > next.LastGrant || grant <= view.Grant || grant <= view.ReleasedGrant || grant <= h.given[uid] {
			t.Fatalf("grant %d of %s does not grow: pool had %d, member %d/%d, before %d", grant, uid, old.LastGrant, view.Grant, view.ReleasedGrant, h.given[uid])
		}
		if !h.wiped && grant <= h.now(uid).ReleasedGrant {
			t.Fatalf("grant %d of %s is one that it gave back already", grant, uid)
		}
		if emails[view.Email] > 1 {
			t.Fatalf("%s got a seat for an address that another claim stands for", uid)
		}
		h.given[uid] = grant
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
		if len(next.Claims) < h.capacity {
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
	if again := Allocate(next, h.capacity, seen, gone); !reflect.DeepEqual(again, next) {
		t.Fatalf("a second pass changes the ledger: %+v, then %+v", next, again)
	}
}

func TestAllocateKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHouse()
		h.capacity = rapid.IntRange(0, 4).Draw(t, "capacity")
		t.Repeat(map[string]func(*rapid.T){
			"join": h.join, "join again": h.join, "toggle": h.toggle, "accept": h.accept, "readdress": h.readdress, "use": h.use,
			"release": h.release, "leave": h.leave, "resize": h.resize, "wipe": h.wipe, "keep": h.keep, "keep again": h.keep,
		})
	})
}

// A total order: sorting gives the same result from every initial order.
func TestPrecedenceIsTotal(t *testing.T) {
	someone := rapid.Custom(func(t *rapid.T) Candidate {
		h := newHouse()
		h.join(t)
		c := h.now(h.uids[0])
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
			t.Fatalf("who comes first depends on who asks")
		}
		if a.UID != b.UID && precedence(a, b) == 0 {
			t.Fatalf("two members and no order")
		}
		if precedence(a, b) <= 0 && precedence(b, c) <= 0 && precedence(a, c) > 0 {
			t.Fatalf("a before b before c before a")
		}
	})
}
