// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package shard

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var names = rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,8}(-[a-z0-9]{1,5})?`), 0, 8, rapid.ID[string])

// Every namespace has one owner, whatever the order in which the replicas are named.
func TestEveryNamespaceHasOneOwner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		replicas, namespace := names.Draw(t, "replicas"), rapid.String().Draw(t, "namespace")
		d := Among(replicas...)
		shuffled := rapid.Permutation(replicas).Draw(t, "shuffled")
		if owner := Among(shuffled...).Owner(namespace); owner != d.Owner(namespace) {
			t.Errorf("%s or %s, by the order of the replicas", owner, d.Owner(namespace))
		}
		owners := 0
		for _, r := range replicas {
			if d.Owns(r, namespace) {
				owners++
			}
		}
		if owners != min(1, len(replicas)) {
			t.Errorf("%d owners", owners)
		}
		if !Parse(d.String()).Equal(d) {
			t.Errorf("%v is read as %v", d, Parse(d.String()))
		}
	})
}

// When a replica joins or leaves, only its own namespaces move.
func TestOnlyTheNamespacesOfOneReplicaMove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		replicas, joins := names.Draw(t, "replicas"), rapid.StringMatching(`[A-Z]{1,8}`).Draw(t, "joins")
		namespace := rapid.String().Draw(t, "namespace")
		before, after := Among(replicas...), Among(append(slices.Clone(replicas), joins)...)
		if after.Owner(namespace) != joins && after.Owner(namespace) != before.Owner(namespace) {
			t.Errorf("the namespace moved from %s to %s, and %s has joined", before.Owner(namespace), after.Owner(namespace), joins)
		}
	})
}

// Short and similar names of namespaces and replicas are spread evenly: within five standard deviations of a throw of dice.
func TestSimilarNamesAreSpreadEvenly(t *testing.T) {
	for _, pattern := range []string{"ns-%d", "t%03d", "%d", "customer-%05d-prod"} {
		for _, n := range []int{2, 3, 4, 16} {
			var replicas []string
			for i := range n {
				replicas = append(replicas, fmt.Sprintf("usher-7d9f8b6c5-%c", 'a'+i))
			}
			d, counts, all := Among(replicas...), map[string]int{}, 1000
			for i := range all {
				counts[d.Owner(fmt.Sprintf(pattern, i))]++
			}
			mean := float64(all) / float64(n)
			for _, r := range replicas {
				if diff := float64(counts[r]) - mean; diff*diff > 25*mean {
					t.Errorf("%q among %d: %d for %s", pattern, n, counts[r], r)
				}
			}
		}
	}
}

// Old and new versions of Usher share namespaces during an update.
func TestOwnersAreTheSameInEveryVersion(t *testing.T) {
	d := Among("usher-a", "usher-b", "usher-c")
	for namespace, owner := range map[string]string{"acme": "usher-b", "bolt": "usher-c", "cask": "usher-b", "ember": "usher-c", "flint": "usher-a"} {
		if is := d.Owner(namespace); is != owner {
			t.Errorf("%q belongs to %s, and belonged to %s", namespace, is, owner)
		}
	}
}

func TestDivide(t *testing.T) {
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	a, b, c := Replica{Name: "a", Since: at(3), Most: 2}, Replica{Name: "b", Since: at(1), Most: 2}, Replica{Name: "c", Since: at(2), Most: 2}
	byPeers := Replica{Name: "d", Since: at(9)}
	for _, tt := range []struct {
		live []Replica
		want string
	}{
		{nil, ""},
		{[]Replica{a}, "a"},
		{[]Replica{a, b}, "a,b"},
		{[]Replica{a, b, c}, "b,c"},
		{[]Replica{c, b, a, byPeers}, "a,b,c,d"},
		{[]Replica{a, b, c, {Name: "e", Since: at(9), Most: 3}}, "a,b,c"},
		{[]Replica{{Name: "z", Since: at(1), Most: 1}, {Name: "y", Since: at(1), Most: 1}}, "y"},
	} {
		if is := Divide(tt.live).String(); is != tt.want {
			t.Errorf("%v is divided among %s, want %s", tt.live, is, tt.want)
		}
	}
}

func TestSightings(t *testing.T) {
	now := time.Unix(1000, 0)
	s := Sighting{}.See("1", now)
	s = s.See("1", now.Add(9*time.Second))
	if !s.Live(now.Add(9*time.Second), 10*time.Second) || s.Live(now.Add(10*time.Second), 10*time.Second) {
		t.Error("a Lease that is not renewed lasts for its duration from when it was first seen")
	}
	s = s.See("2", now.Add(20*time.Second))
	if !s.Live(now.Add(29*time.Second), 10*time.Second) {
		t.Error("a renewal counts from when it is seen")
	}
	if s = s.See("2", now); s.At != now {
		t.Error("a clock that was set back must not make the Lease last longer")
	}
}

// replica is one of the model: it follows the rules of doc.go, one call to the API server at a time.
type replica struct {
	view View
	// live: its process runs, and its Lease has not ended.
	live bool
	// said is what its Lease says, read what it has read of the others and not looked at yet.
	said Division
	read *View
}

// model is replicas and their Leases.
type model struct {
	mayAct   func(View, string) bool
	replicas map[string]*replica
	leases   map[string]Replica
}

// step takes the next step of a replica: it publishes what it wants, reads the Leases, or acts by what it has read.
func (m *model) step(name string, publish bool) {
	r := m.replicas[name]
	switch {
	case r.read != nil:
		r.view, r.read = *r.read, nil
	case publish:
		r.said = r.view.Wanted
		m.leases[name] = Replica{Name: name, Acts: r.said}
	default:
		var all, others []Replica
		for _, other := range m.leases {
			if all = append(all, other); other.Name != name {
				others = append(others, other)
			}
		}
		r.read = &View{Self: name, Published: r.said, Wanted: Divide(all), Others: others}
	}
}

// acting returns the live replicas that act on a namespace.
func (m *model) acting(namespace string) (who []string) {
	for name, r := range m.replicas {
		if r.live && m.mayAct(r.view, namespace) {
			who = append(who, name)
		}
	}
	return who
}

// run has replicas come, go and make their calls in any order, and then come to rest. It returns what was wrong.
func (m *model) run(pick func(n int) int) string {
	all, namespaces := []string{"r1", "r2", "r3"}, []string{"a", "b", "c", "d", "e", "f"}
	for range pick(40) + 10 {
		name := all[pick(len(all))]
		what, r := pick(12), m.replicas[name]
		switch {
		case r == nil || !r.live:
			m.replicas[name], m.leases[name] = &replica{live: true, view: View{Self: name}}, Replica{Name: name}
		case what == 0: // it ends, or its Lease does
			r.live = false
			delete(m.leases, name)
		default:
			m.step(name, what%3 == 0)
		}
		for _, namespace := range namespaces {
			if who := m.acting(namespace); len(who) > 1 {
				return fmt.Sprintf("%v act on %s", who, namespace)
			}
		}
	}
	for range 3 {
		for _, publish := range []bool{false, false, true, false, false} {
			for name, r := range m.replicas {
				if r.live {
					m.step(name, publish)
				}
			}
		}
	}
	for _, namespace := range namespaces {
		if who := m.acting(namespace); len(who) != min(1, len(m.leases)) {
			return fmt.Sprintf("in the end, %v of %d act on %s", who, len(m.leases), namespace)
		}
	}
	return ""
}

func newModel(mayAct func(View, string) bool) *model {
	return &model{mayAct: mayAct, replicas: map[string]*replica{}, leases: map[string]Replica{}}
}

// Two replicas never act on one namespace. When they rest, each namespace has one.
func TestReplicasTakeTurns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if wrong := newModel(View.MayAct).run(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") }); wrong != "" {
			t.Error(wrong)
		}
	})
	for seed := range uint64(1000) {
		if wrong := newModel(View.MayAct).run(rand.New(rand.NewPCG(1, seed)).IntN); wrong != "" {
			t.Fatalf("seed %d: %s", seed, wrong)
		}
	}
}

// Without one of the rules, two replicas act on one namespace, or none does.
func TestReplicasTakeTurnsNoticesMissingRules(t *testing.T) {
	for name, mayAct := range map[string]func(View, string) bool{
		"the others' divisions do not count": func(v View, namespace string) bool { v.Others = nil; return v.MayAct(namespace) },
		"what was published does not count":  func(v View, namespace string) bool { v.Published = v.Wanted; return v.MayAct(namespace) },
		"what is wanted does not count":      func(v View, namespace string) bool { v.Wanted = v.Published; return v.MayAct(namespace) },
	} {
		found := ""
		for seed := uint64(0); seed < 5000 && found == ""; seed++ {
			found = newModel(mayAct).run(rand.New(rand.NewPCG(1, seed)).IntN)
		}
		if found == "" {
			t.Errorf("%s: no run noticed", name)
		}
		t.Logf("%s: %s", name, found)
	}
}
