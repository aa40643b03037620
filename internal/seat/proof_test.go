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

// assumptions are those of the proof in doc.go. TestEveryAssumptionIsNeeded drops each of them.
type assumptions struct {
	// ledgerVersion: the ledger's PUT carries the resourceVersion that was read (I2).
	ledgerVersion bool
	// ledgerCEL: the API server refuses a ledger that grows beyond the capacity (I1).
	ledgerCEL bool
	// releaseFirst: a claim is dropped after the Member's status says that it was given back, not when the Member no longer wants it (I4).
	releaseFirst bool
	// withdrawFirst: a Member gives a seat back in the write that ends its access, not in an earlier one.
	withdrawFirst bool
	// memberCEL: the API server refuses an Active member whose grant is not above its releasedGrant, and a lower releasedGrant.
	memberCEL bool
	// memory: a Member's status keeps every releasedGrant.
	memory bool
}

func allAssumptions() assumptions { return assumptions{true, true, true, true, true, true} }

// memberVersion is one revision of a Member with one seat.
type memberVersion struct {
	wants, active   bool
	grant, released int64
}

// model is an API server with one ledger and some members. Any number of writers act on it, each with another old state.
type model struct {
	assumptions
	capacity int
	ledgers  []Ledger
	members  [][]memberVersion
}

func recent(t *rapid.T, revisions int, what string) int {
	return max(0, revisions-1-rapid.IntRange(0, 4).Draw(t, what+" behind"))
}

// interleave runs changes and reconcilers in a random order, and returns the first violation.
func interleave(t *rapid.T, l assumptions) error {
	m := &model{assumptions: l, capacity: rapid.IntRange(1, 2).Draw(t, "capacity"), ledgers: []Ledger{{}}, members: make([][]memberVersion, 3)}
	for i := range m.members {
		m.members[i] = []memberVersion{{wants: true}}
	}
	for range 60 {
		switch rapid.IntRange(0, 7).Draw(t, "what happens") {
		case 0:
			i := rapid.IntRange(0, len(m.members)-1).Draw(t, "who")
			p := m.now(i)
			p.wants = !p.wants
			m.members[i] = append(m.members[i], p)
		case 1:
			m.capacity = rapid.IntRange(0, 3).Draw(t, "capacity")
		case 2, 3, 4:
			if err := m.reconcilePool(t); err != nil {
				return err
			}
		default:
			m.reconcileMember(t)
		}
		for i := range m.members {
			if p, claim := m.now(i), m.ledgers[len(m.ledgers)-1].Claims[fmt.Sprint(i)]; p.active && p.grant != claim {
				return fmt.Errorf("member %d is Active with grant %d and the ledger has %d", i, p.grant, claim)
			}
		}
	}
	return nil
}

func (m *model) now(i int) memberVersion { return m.members[i][len(m.members[i])-1] }

// reconcilePool is one pass of a SeatPool reconciler.
func (m *model) reconcilePool(t *rapid.T) error {
	read := recent(t, len(m.ledgers), "ledger")
	var candidates []Candidate
	for i, revisions := range m.members {
		p := revisions[recent(t, len(revisions), "member")]
		c := Candidate{UID: fmt.Sprint(i), Name: fmt.Sprint(i), Email: fmt.Sprint(i), Wants: p.wants, Active: p.active, Grant: p.grant, ReleasedGrant: p.released}
		if !m.releaseFirst && !p.wants {
			c.ReleasedGrant = m.ledgers[read].Claims[c.UID]
		}
		candidates = append(candidates, c)
	}
	next := Allocate(m.ledgers[read], m.capacity, candidates, nil)
	before := m.ledgers[len(m.ledgers)-1]
	if m.ledgerVersion && read != len(m.ledgers)-1 {
		return nil // a conflict
	}
	grows := len(next.Claims) > m.capacity && len(next.Claims) > len(before.Claims)
	if grows && m.ledgerCEL {
		return nil // refused
	}
	if maps.Equal(before.Claims, next.Claims) {
		return nil
	}
	m.ledgers = append(m.ledgers, next)
	if grows {
		return fmt.Errorf("%d claims after %d, with %d seats", len(next.Claims), len(before.Claims), m.capacity)
	}
	return nil
}

// reconcileMember is one pass of a Member reconciler. An unconditional one decides on an old state and then overwrites the latest one,
// which it read only for its resourceVersion, or did not read. The rules of the API server have to refuse that write.
func (m *model) reconcileMember(t *rapid.T) {
	i := rapid.IntRange(0, len(m.members)-1).Draw(t, "who")
	unconditional := rapid.Bool().Draw(t, "unconditional")
	read := recent(t, len(m.members[i]), "member")
	claim := m.ledgers[recent(t, len(m.ledgers), "ledger")].Claims[fmt.Sprint(i)]

	now := m.now(i)
	next := m.members[i][read]
	switch {
	case !next.wants:
		next.released = max(next.released, next.grant, claim)
		next.active = next.active && !m.withdrawFirst
		if !m.memory && claim == 0 {
			next.grant, next.released = 0, 0
		}
	case claim > next.released:
		next.grant, next.active = claim, true
	}
	if read != len(m.members[i])-1 && !unconditional {
		return // a conflict
	}
	if unconditional && rapid.Bool().Draw(t, "reads again") {
		next.released = max(next.released, now.released)
	}
	forgets := !m.memory && next.grant == 0 && next.released == 0
	if m.memberCEL && !forgets && (next.released < now.released || next.active && next.grant <= next.released) {
		return // refused
	}
	next.wants = now.wants // a status write changes no spec
	m.members[i] = append(m.members[i], next)
}

func TestActiveMembersAreAlwaysInTheLedger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if err := interleave(t, allAssumptions()); err != nil {
			t.Fatal(err)
		}
	})
	if seed, err := firstViolation(allAssumptions(), examples); err != nil {
		t.Fatalf("example %d: %v", seed, err)
	}
}

// examples is how many sequences are tried. Each dropped assumption leads to many violations among them.
const examples = 4000

func firstViolation(l assumptions, examples int) (seed int, err error) {
	outcome := rapid.Custom(func(t *rapid.T) error { return interleave(t, l) })
	for seed := range examples {
		if err := outcome.Example(seed); err != nil {
			return seed, err
		}
	}
	return examples, nil
}

// Without any one of the assumptions, seats can be oversold, and interleave finds it.
func TestEveryAssumptionIsNeeded(t *testing.T) {
	broken := map[string]func(*assumptions){
		"the ledger is written without its resourceVersion":    func(l *assumptions) { l.ledgerVersion = false },
		"nothing checks the ledger's length, nor whose it is":  func(l *assumptions) { l.ledgerVersion, l.ledgerCEL = false, false },
		"a claim is dropped before its member gave it back":    func(l *assumptions) { l.releaseFirst = false },
		"a seat is given back before access is withdrawn":      func(l *assumptions) { l.withdrawFirst, l.memberCEL = false, false },
		"nothing checks an Active member's grant":              func(l *assumptions) { l.memberCEL = false },
		"a member forgets what it gave back to a pool it left": func(l *assumptions) { l.memory = false },
		"only the memory of released grants is left":           func(l *assumptions) { *l = assumptions{memory: true} },
	}
	for name, edit := range broken {
		t.Run(name, func(t *testing.T) {
			l := allAssumptions()
			edit(&l)
			seed, err := firstViolation(l, examples)
			NewWithT(t).Expect(err).To(HaveOccurred(), "no violation: the examples do not test this assumption")
			t.Logf("example %d: %v", seed, err)
		})
	}
}
