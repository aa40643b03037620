// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seat

import (
	"fmt"
	"maps"
	"testing"

	. "github.com/onsi/gomega"
	"pgregory.net/rapid"
)

// laws are what the proof in doc.go stands on. Each is tried out by taking it away.
type laws struct {
	// ledgerVersion: the ledger's PUT carries the resourceVersion that was read (I2).
	ledgerVersion bool
	// ledgerCEL: the API server refuses a ledger that grows beyond the capacity (I1).
	ledgerCEL bool
	// releaseFirst: a claim is dropped after the Member said that it gave it back, and not when it no longer wants it (I4).
	releaseFirst bool
	// withdrawFirst: a Member gives a seat back in the write that ends its access, and not in one before.
	withdrawFirst bool
	// memberCEL: the API server refuses an Active member whose grant is not above its releasedGrant, and a lower releasedGrant.
	memberCEL bool
	// memory: a Member never forgets what it gave back.
	memory bool
}

func proven() laws { return laws{true, true, true, true, true, true} }

// person is one revision of a Member with one seat.
type person struct {
	wants, active   bool
	grant, released int64
}

// theatre is an API server with one ledger and some members, and writers without number who each know an older state of it.
type theatre struct {
	laws
	capacity int
	ledgers  []Ledger
	people   [][]person
}

func recent(t *rapid.T, revisions int, what string) int {
	return max(0, revisions-1-rapid.IntRange(0, 4).Draw(t, what+" behind"))
}

// play lets things happen in some order, and returns what was wrong at the first revision at which something was.
func play(t *rapid.T, l laws) error {
	th := &theatre{laws: l, capacity: rapid.IntRange(1, 2).Draw(t, "capacity"), ledgers: []Ledger{{}}, people: make([][]person, 3)}
	for i := range th.people {
		th.people[i] = []person{{wants: true}}
	}
	for range 60 {
		switch rapid.IntRange(0, 7).Draw(t, "what happens") {
		case 0:
			i := rapid.IntRange(0, len(th.people)-1).Draw(t, "who")
			p := th.now(i)
			p.wants = !p.wants
			th.people[i] = append(th.people[i], p)
		case 1:
			th.capacity = rapid.IntRange(0, 3).Draw(t, "capacity")
		case 2, 3, 4:
			if err := th.keep(t); err != nil {
				return err
			}
		default:
			th.judge(t)
		}
		for i := range th.people {
			if p, claim := th.now(i), th.ledgers[len(th.ledgers)-1].Claims[fmt.Sprint(i)]; p.active && p.grant != claim {
				return fmt.Errorf("member %d is Active with grant %d and the ledger says %d", i, p.grant, claim)
			}
		}
	}
	return nil
}

func (th *theatre) now(i int) person { return th.people[i][len(th.people[i])-1] }

// keep is one pass of some SeatPool reconciler.
func (th *theatre) keep(t *rapid.T) error {
	read := recent(t, len(th.ledgers), "ledger")
	var candidates []Candidate
	for i, revisions := range th.people {
		p := revisions[recent(t, len(revisions), "member")]
		c := Candidate{UID: fmt.Sprint(i), Name: fmt.Sprint(i), Email: fmt.Sprint(i), Wants: p.wants, Active: p.active, Grant: p.grant, ReleasedGrant: p.released}
		if !th.releaseFirst && !p.wants {
			c.ReleasedGrant = th.ledgers[read].Claims[c.UID]
		}
		candidates = append(candidates, c)
	}
	next := Allocate(th.ledgers[read], th.capacity, candidates, nil)
	before := th.ledgers[len(th.ledgers)-1]
	if th.ledgerVersion && read != len(th.ledgers)-1 {
		return nil // a conflict
	}
	grows := len(next.Claims) > th.capacity && len(next.Claims) > len(before.Claims)
	if grows && th.ledgerCEL {
		return nil // refused
	}
	if maps.Equal(before.Claims, next.Claims) {
		return nil
	}
	th.ledgers = append(th.ledgers, next)
	if grows {
		return fmt.Errorf("%d claims after %d, with %d seats", len(next.Claims), len(before.Claims), th.capacity)
	}
	return nil
}

// judge is one pass of some Member reconciler. A rude one decides on what it knows and then writes upon whatever is there: what
// it read last only for the resourceVersion, or what it never read. The API server's rules have to stop that one.
func (th *theatre) judge(t *rapid.T) {
	i := rapid.IntRange(0, len(th.people)-1).Draw(t, "who")
	rude := rapid.Bool().Draw(t, "rude")
	read := recent(t, len(th.people[i]), "member")
	claim := th.ledgers[recent(t, len(th.ledgers), "ledger")].Claims[fmt.Sprint(i)]

	now := th.now(i)
	next := th.people[i][read]
	switch {
	case !next.wants:
		next.released = max(next.released, next.grant, claim)
		next.active = next.active && !th.withdrawFirst
		if !th.memory && claim == 0 {
			next.grant, next.released = 0, 0
		}
	case claim > next.released:
		next.grant, next.active = claim, true
	}
	if read != len(th.people[i])-1 && !rude {
		return // a conflict
	}
	if rude && rapid.Bool().Draw(t, "reads again") {
		next.released = max(next.released, now.released)
	}
	forgets := !th.memory && next.grant == 0 && next.released == 0
	if th.memberCEL && !forgets && (next.released < now.released || next.active && next.grant <= next.released) {
		return // refused
	}
	next.wants = now.wants // a status write changes no spec
	th.people[i] = append(th.people[i], next)
}

func TestActiveMembersAreAlwaysInTheLedger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if err := play(t, proven()); err != nil {
			t.Fatal(err)
		}
	})
	if seed, err := firstViolation(proven(), plays); err != nil {
		t.Fatalf("play %d: %v", seed, err)
	}
}

// plays are enough for every broken law to be found out many times over.
const plays = 4000

func firstViolation(l laws, plays int) (seed int, err error) {
	outcome := rapid.Custom(func(t *rapid.T) error { return play(t, l) })
	for seed := range plays {
		if err := outcome.Example(seed); err != nil {
			return seed, err
		}
	}
	return plays, nil
}

// Without any one of the laws there is a way to oversell, and the play above would find it.
func TestEveryLawIsNeeded(t *testing.T) {
	broken := map[string]func(*laws){
		"the ledger is written without its resourceVersion":      func(l *laws) { l.ledgerVersion = false },
		"nothing checks the ledger's length, nor whose it is":    func(l *laws) { l.ledgerVersion, l.ledgerCEL = false, false },
		"a claim is dropped before its member gave it back":      func(l *laws) { l.releaseFirst = false },
		"a seat is given back before access is withdrawn":        func(l *laws) { l.withdrawFirst, l.memberCEL = false, false },
		"nothing checks an Active member's grant":                func(l *laws) { l.memberCEL = false },
		"a member forgets what it gave back to a pool it left":   func(l *laws) { l.memory = false },
		"of all laws only the memory of released grants is left": func(l *laws) { *l = laws{memory: true} },
	}
	for name, edit := range broken {
		t.Run(name, func(t *testing.T) {
			l := proven()
			edit(&l)
			seed, err := firstViolation(l, plays)
			NewWithT(t).Expect(err).To(HaveOccurred(), "nothing went wrong: the play does not test this law")
			t.Logf("play %d: %v", seed, err)
		})
	}
}
