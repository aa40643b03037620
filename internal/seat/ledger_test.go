// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seat

import (
	"fmt"
	"maps"
	"testing"

	. "github.com/onsi/gomega"
)

func TestAllocate(t *testing.T) {
	type m = map[string]int64
	tests := []struct {
		name       string
		old        Ledger
		capacity   int
		candidates []Candidate
		gone       []string
		want       m
		last       int64
		assigned   int
		waiting    int
	}{
		{name: "no members, no seats", want: m{}},
		{name: "no members, some seats", capacity: 3, want: m{}},
		{
			name: "a seat each, numbered in order", capacity: 3, candidates: []Candidate{cand("bob", created(2)), cand("ada", created(1))},
			want: m{"ada": 1, "bob": 2}, last: 2,
		},
		{
			name: "numbers continue after the last one", old: ledger(41, m{"ada": 41}), capacity: 3,
			candidates: []Candidate{cand("ada"), cand("bob")},
			want:       m{"ada": 41, "bob": 42}, last: 42,
		},
		{
			name: "those who do not want a seat get none and do not wait", capacity: 3, candidates: []Candidate{cand("ada", unwilling), cand("bob")},
			want: m{"bob": 1}, last: 1,
		},
		{
			name: "a claim is kept until it is given back, even if the member does not want it", old: ledger(7, m{"ada": 7}), capacity: 3,
			candidates: []Candidate{cand("ada", unwilling, holding(7))}, want: m{"ada": 7}, last: 7,
		},
		{
			name: "after a restore: none, until it is known who had accepted", capacity: 1,
			candidates: []Candidate{cand("ada", created(1)), cand("bob", created(2), restored)}, want: m{}, waiting: 2,
		},
		{
			name: "after a restore: none also for who had accepted, since another may have before", capacity: 1,
			candidates: []Candidate{cand("ada", acceptedAt(9)), cand("bob", restored)}, want: m{}, waiting: 2,
		},
		{
			name: "after a restore: none, also while the pool gives seats on acceptance", capacity: 1,
			candidates: []Candidate{cand("ada", acceptedAt(9)), cand("bob", unwilling, restored)}, want: m{}, waiting: 1,
		},
		{
			name: "after a restore: at once, where there are seats for all", capacity: 2,
			candidates: []Candidate{cand("ada", unwilling), cand("cat", created(2), restored, unwilling), cand("bob")}, want: m{"bob": 1}, last: 1,
		},
		{
			name: "after a restore: who has a claim keeps it", old: ledger(7, m{"bob": 7}), capacity: 1,
			candidates: []Candidate{cand("ada"), cand("bob", restored)}, want: m{"bob": 7}, last: 7, waiting: 1,
		},
		{
			name: "short of seats: the older member", capacity: 1, candidates: []Candidate{cand("ada", created(2)), cand("bob", created(1))},
			want: m{"bob": 1}, last: 1, waiting: 1,
		},
		{
			name: "short of seats: of the same age, the lower name", capacity: 1, candidates: []Candidate{cand("bob"), cand("ada"), cand("carl")},
			want: m{"ada": 1}, last: 1, waiting: 2,
		},
		{
			name: "short of seats: an accepted member before an older one", capacity: 1,
			candidates: []Candidate{cand("ada", created(1)), cand("bob", created(2), acceptedAt(9))}, want: m{"bob": 1}, last: 1, waiting: 1,
		},
		{
			name: "short of seats: the member that accepted first before an older one", capacity: 1,
			candidates: []Candidate{cand("ada", created(1), acceptedAt(8)), cand("bob", created(2), acceptedAt(7))}, want: m{"bob": 1}, last: 1, waiting: 1,
		},
		{
			name: "the ledger was wiped: a member with a seat before one that accepted", capacity: 1,
			candidates: []Candidate{cand("ada", acceptedAt(1)), cand("bob", holding(5))}, want: m{"bob": 6}, last: 6, waiting: 1,
		},
		{
			name: "the ledger was wiped: an Active member before one that has accepted", capacity: 1,
			candidates: []Candidate{cand("ada", holding(4), acceptedAt(1)), cand("bob", created(9), holding(5), acceptedAt(9), active)},
			want:       m{"bob": 6}, last: 6, assigned: 1, waiting: 1,
		},
		{
			name: "a seat that was given back does not count in the order", capacity: 1,
			candidates: []Candidate{cand("ada", created(2), gaveBack(5)), cand("bob", created(1))}, want: m{"bob": 1}, last: 1, waiting: 1,
		},
		{
			name: "dropped once given back", old: ledger(7, m{"ada": 7, "bob": 6}), capacity: 2,
			candidates: []Candidate{cand("ada", unwilling, gaveBack(7)), cand("bob", holding(6), active)}, want: m{"bob": 6}, last: 7, assigned: 1,
		},
		{
			name: "dropped once a later one was given back", old: ledger(7, m{"ada": 7}), capacity: 2,
			candidates: []Candidate{cand("ada", unwilling, gaveBack(9))}, want: m{}, last: 7,
		},
		{
			name: "kept while only an earlier one was given back", old: ledger(7, m{"ada": 7}), capacity: 2,
			candidates: []Candidate{cand("ada", unwilling, gaveBack(6))}, want: m{"ada": 7}, last: 7,
		},
		{
			name: "given back and wanted again in one pass: a higher number", old: ledger(7, m{"ada": 7}), capacity: 1,
			candidates: []Candidate{cand("ada", gaveBack(7))}, want: m{"ada": 8}, last: 8,
		},
		{
			name: "given back by one member, granted to the next in one pass", old: ledger(7, m{"ada": 7}), capacity: 1,
			candidates: []Candidate{cand("ada", created(5), gaveBack(7)), cand("bob", created(1))}, want: m{"bob": 8}, last: 8, waiting: 1,
		},
		{
			name: "the number is above every grant that the member held, even if the ledger was lost", capacity: 3,
			candidates: []Candidate{cand("ada", gaveBack(30)), cand("bob", created(1), holding(99))}, want: m{"bob": 100, "ada": 101}, last: 101,
		},
		{
			name: "the number is above a grant that was given back without having been a seat", capacity: 3,
			candidates: []Candidate{cand("ada", func(c *Candidate) { c.ReleasedGrant = 30 })}, want: m{"ada": 31}, last: 31,
		},
		{
			name: "dropped once the member is gone, and granted to the next", old: ledger(7, m{"ada": 7}), capacity: 1,
			candidates: []Candidate{cand("bob")}, gone: []string{"ada"}, want: m{"bob": 8}, last: 8,
		},
		{
			name: "a claim without a known member is kept until the member is known to be gone", old: ledger(7, m{"ada": 7}), capacity: 1,
			candidates: []Candidate{cand("bob")}, want: m{"ada": 7}, last: 7, waiting: 1,
		},
		{
			name: "fewer seats than claims: no member is evicted and none is added", old: ledger(3, m{"ada": 1, "bob": 2, "carl": 3}), capacity: 1,
			candidates: []Candidate{cand("ada", active), cand("bob"), cand("carl"), cand("dora")},
			want:       m{"ada": 1, "bob": 2, "carl": 3}, last: 3, assigned: 1, waiting: 1,
		},
		{
			name: "fewer seats than claims: a seat that is given back is not granted again", old: ledger(3, m{"ada": 1, "bob": 2, "carl": 3}),
			capacity:   2,
			candidates: []Candidate{cand("ada", unwilling, gaveBack(1)), cand("bob"), cand("carl"), cand("dora")},
			want:       m{"bob": 2, "carl": 3}, last: 3, waiting: 1,
		},
		{
			name: "no seats at all", candidates: []Candidate{cand("ada")}, want: m{}, waiting: 1,
		},
		{
			name: "more seats: waiting members get them in order", old: ledger(1, m{"ada": 1}), capacity: 3,
			candidates: []Candidate{cand("ada"), cand("dora", created(4)), cand("carl", created(3)), cand("bob", created(2))},
			want:       m{"ada": 1, "bob": 2, "carl": 3}, last: 3, waiting: 1,
		},
		{
			name: "one address, one claim: the second member waits although seats are free", capacity: 9,
			candidates: []Candidate{cand("ada", address("x@acme.example")), cand("bob", address("x@acme.example"))}, want: m{"ada": 1}, last: 1, waiting: 1,
		},
		{
			name: "one address, one claim: the member with the claim has the address, even if it does not want the seat",
			old:  ledger(2, m{"bob": 2}), capacity: 9,
			candidates: []Candidate{cand("ada", address("x@acme.example")), cand("bob", address("x@acme.example"), unwilling)},
			want:       m{"bob": 2}, last: 2, waiting: 1,
		},
		{
			name: "one address, one claim: given back by one member, granted to the other", old: ledger(2, m{"bob": 2}), capacity: 9,
			candidates: []Candidate{cand("ada", address("x@acme.example")), cand("bob", address("x@acme.example"), unwilling, gaveBack(2))},
			want:       m{"ada": 3}, last: 3,
		},
		{
			name: "one address, two claims: a change of an address evicts no member", old: ledger(2, m{"ada": 1, "bob": 2}), capacity: 9,
			candidates: []Candidate{cand("ada", address("x@acme.example")), cand("bob", address("x@acme.example"))}, want: m{"ada": 1, "bob": 2}, last: 2,
		},
		{
			name:     "counts: claims of Active members are assigned, all others are reserved, also those without a known member",
			old:      ledger(4, m{"ada": 1, "bob": 2, "gone": 3}),
			capacity: 4, candidates: []Candidate{cand("ada", active), cand("bob"), cand("carl", active), cand("dora", created(1)), cand("eve", unwilling)},
			want: m{"ada": 1, "bob": 2, "gone": 3, "carl": 5}, last: 5, assigned: 2, waiting: 1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			before := maps.Clone(tt.old.Claims)
			gone := map[string]bool{}
			for _, name := range tt.gone {
				gone["uid-"+name] = true
			}
			got := Allocate(tt.old, tt.capacity, tt.candidates, gone)
			g.Expect(got.Claims).To(Equal(ledger(0, tt.want).Claims))
			g.Expect(got.LastGrant).To(Equal(tt.last), "LastGrant")
			g.Expect(got.Assigned).To(Equal(tt.assigned), "Assigned")
			g.Expect(got.Reserved).To(Equal(len(tt.want)-tt.assigned), "Reserved")
			g.Expect(got.Waiting).To(Equal(tt.waiting), "Waiting")
			g.Expect(tt.old.Claims).To(Equal(before), "the old ledger is unchanged")
		})
	}
}

func TestAllocateMaxClaims(t *testing.T) {
	g := NewWithT(t)
	many := make([]Candidate, MaxClaims+1)
	for i := range many {
		many[i] = cand(fmt.Sprintf("m%05d", i))
	}
	got := Allocate(Ledger{}, 2*MaxClaims, many, nil)
	g.Expect(got.Claims).To(HaveLen(MaxClaims))
	g.Expect(got.Waiting).To(Equal(1))
	g.Expect(got.Claims).NotTo(HaveKey(fmt.Sprintf("uid-m%05d", MaxClaims)))
}

func TestStrangers(t *testing.T) {
	tests := []struct {
		name       string
		claims     []string
		candidates []Candidate
		want       []string
	}{
		{name: "an empty ledger", candidates: []Candidate{cand("ada")}},
		{name: "all claims have known members", claims: []string{"ada", "bob"}, candidates: []Candidate{cand("bob"), cand("ada"), cand("carl")}},
		{
			name: "a known member that does not want its seat", claims: []string{"ada"},
			candidates: []Candidate{cand("ada", unwilling, gaveBack(1))},
		},
		{
			name: "the claims without known members, in order", claims: []string{"carl", "ada", "bob"}, candidates: []Candidate{cand("bob")},
			want: []string{"uid-ada", "uid-carl"},
		},
		{name: "no claim has a known member", claims: []string{"ada"}, want: []string{"uid-ada"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			claims := map[string]int64{}
			for i, name := range tt.claims {
				claims["uid-"+name] = int64(i + 1)
			}
			NewWithT(t).Expect(Strangers(claims, tt.candidates)).To(Equal(tt.want))
		})
	}
}
