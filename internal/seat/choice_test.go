// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seat

import (
	"testing"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

func TestChoose(t *testing.T) {
	type pools = []usherv1.SeatPool
	tests := []struct {
		name   string
		member *usherv1.Member
		pools  pools
		want   Choice
	}{
		{name: "the account's only base pool", member: member("ada"), pools: pools{pool("base")}, want: Choice{Base: "base"}},
		{
			name: "an add-on pool is never the default", member: member("ada"), pools: pools{pool("pipes", addOn("pipelines")), pool("base")},
			want: Choice{Base: "base"},
		},
		{
			name: "no base pool", member: member("ada"), pools: pools{pool("pipes", addOn("pipelines"))},
			want: Choice{Problem: "account acme has no SeatPool for the base product; create one"},
		},
		{
			name: "several base pools and none named", member: member("ada"), pools: pools{pool("b"), pool("a")},
			want: Choice{Problem: "account acme has 2 SeatPools for the base product (a, b); name one in spec.seatPoolRefs"},
		},
		{
			name: "several base pools, a seat held in one", member: member("ada", seated("b", "", 3, 0)), pools: pools{pool("b"), pool("a")},
			want: Choice{Base: "b"},
		},
		{
			name: "several base pools, a seat given back to one", member: member("ada", seated("b", "", 3, 3)), pools: pools{pool("b"), pool("a")},
			want: Choice{Base: "b"},
		},
		{
			name:   "several base pools, a seat held in one, and a seat given back to another",
			member: member("ada", seated("a", "", 3, 3), seated("b", "", 3, 0)),
			pools:  pools{pool("b"), pool("a")}, want: Choice{Base: "b"},
		},
		{
			name: "several base pools, a seat given back to each", member: member("ada", seated("a", "", 3, 3), seated("b", "", 3, 3)),
			pools: pools{pool("b"), pool("a")},
			want:  Choice{Problem: "account acme has 2 SeatPools for the base product (a, b); name one in spec.seatPoolRefs"},
		},
		{
			name: "several base pools, a seat held of an add-on only", member: member("ada", seated("pipes", "pipelines", 3, 0)),
			pools: pools{pool("b"), pool("a"), pool("pipes", addOn("pipelines"))},
			want:  Choice{Problem: "account acme has 2 SeatPools for the base product (a, b); name one in spec.seatPoolRefs"},
		},
		{
			name: "several base pools, a seat held in one that does not exist", member: member("ada", seated("c", "", 3, 0)),
			pools: pools{pool("b"), pool("a")},
			want:  Choice{Problem: "account acme has 2 SeatPools for the base product (a, b); name one in spec.seatPoolRefs"},
		},
		{
			name: "several base pools, and its metadata says which", member: member("ada", noted("b")), pools: pools{pool("b"), pool("a")},
			want: Choice{Base: "b"},
		},
		{
			name: "several base pools, a seat held in another than its metadata says", member: member("ada", noted("b"), seated("a", "", 3, 0)),
			pools: pools{pool("b"), pool("a")}, want: Choice{Base: "a"},
		},
		{
			name: "what is named comes before what its metadata says", member: member("ada", noted("b"), from("a")), pools: pools{pool("b"), pool("a")},
			want: Choice{Base: "a"},
		},
		{
			name: "its metadata names a pool that is gone", member: member("ada", noted("c")), pools: pools{pool("b"), pool("a")},
			want: Choice{Problem: "account acme has 2 SeatPools for the base product (a, b); name one in spec.seatPoolRefs"},
		},
		{
			name: "several base pools and one named", member: member("ada", from("a")), pools: pools{pool("a"), pool("b")}, want: Choice{Base: "a"},
		},
		{
			name: "the named pool comes before the pool of the seat", member: member("ada", from("a"), seated("b", "", 3, 0)),
			pools: pools{pool("a"), pool("b")},
			want:  Choice{Base: "a"},
		},
		{
			name: "two base pools named", member: member("ada", from("b", "a")), pools: pools{pool("a"), pool("b")},
			want: Choice{Problem: "spec.seatPoolRefs names 2 pools of the base product (b, a); name one"},
		},
		{
			name: "the named one is missing, and the member is new", member: member("ada", from("c")), pools: pools{pool("a")},
			want: Choice{Missing: []string{"c"}, Problem: "account acme has no SeatPool c; create it or correct spec.seatPoolRefs"},
		},
		{
			name: "the named one is missing, and the member has accepted: an add-on's", member: member("ada", from("c"), hasAccepted), pools: pools{pool("a")},
			want: Choice{Base: "a", Missing: []string{"c"}},
		},
		{
			name: "the named one is missing, and a base seat is held: an add-on's", member: member("ada", from("c"), seated("a", "", 3, 0)), pools: pools{pool("a")},
			want: Choice{Base: "a", Missing: []string{"c"}},
		},
		{
			name: "the named one is missing, and was a base pool", member: member("ada", from("c"), seated("c", "", 3, 3)), pools: pools{pool("a")},
			want: Choice{Missing: []string{"c"}, Problem: "account acme has no SeatPool c; create it or correct spec.seatPoolRefs"},
		},
		{
			name: "the named one is missing, and was an add-on's", member: member("ada", from("c"), seated("c", "pipelines", 3, 3)), pools: pools{pool("a")},
			want: Choice{Base: "a", Missing: []string{"c"}},
		},
		{
			name: "the named one is missing, and there is no base pool", member: member("ada", from("c")), pools: pools{pool("pipes", addOn("pipelines"))},
			want: Choice{Missing: []string{"c"}, Problem: "account acme has no SeatPool c; create it or correct spec.seatPoolRefs"},
		},
		{
			name: "the named one is missing, and a seat is held in one of two", member: member("ada", from("c"), seated("b", "", 3, 0)), pools: pools{pool("a"), pool("b")},
			want: Choice{Base: "b", Missing: []string{"c"}},
		},
		{
			name: "the named one is missing, and there are two", member: member("ada", from("c"), hasAccepted), pools: pools{pool("a"), pool("b")},
			want: Choice{Missing: []string{"c"}, Problem: "account acme has 2 SeatPools for the base product (a, b); name one in spec.seatPoolRefs" +
				", which names c, and there is no such SeatPool"},
		},
		{
			name: "add-ons only: the default base pool goes with them", member: member("ada", from("pipes")), pools: pools{pool("base"), pool("pipes", addOn("pipelines"))},
			want: Choice{Base: "base", AddOns: []string{"pipes"}},
		},
		{
			name: "a base pool and add-ons", member: member("ada", from("pipes", "a", "charts")),
			pools: pools{pool("a"), pool("b"), pool("pipes", addOn("pipelines")), pool("charts", addOn("charts"))},
			want:  Choice{Base: "a", AddOns: []string{"pipes", "charts"}},
		},
		{
			name: "a base pool, and an add-on that does not exist", member: member("ada", from("a", "pipes")), pools: pools{pool("a")},
			want: Choice{Base: "a", Missing: []string{"pipes"}},
		},
		{
			name: "other accounts' pools do not count", member: member("ada"), pools: pools{pool("other", ofAccount("globex")), pool("base")},
			want: Choice{Base: "base"},
		},
		{
			name: "other accounts' pools cannot be named", member: member("ada", from("other")), pools: pools{pool("other", ofAccount("globex"))},
			want: Choice{Missing: []string{"other"}, Problem: "account acme has no SeatPool other; create it or correct spec.seatPoolRefs"},
		},

		// Pools that are being deleted.
		{name: "it does not count", member: member("ada"), pools: pools{pool("a", terminating), pool("b")}, want: Choice{Base: "b"}},
		{
			name: "it cannot be named", member: member("ada", from("a")), pools: pools{pool("a", terminating), pool("b")},
			want: Choice{Missing: []string{"a"}, Problem: "SeatPool a is being deleted and gives no more seats; name another in spec.seatPoolRefs"},
		},
		{
			name: "it is all there is", member: member("ada"), pools: pools{pool("a", terminating)},
			want: Choice{Problem: "SeatPool a is being deleted and gives no more seats; name another in spec.seatPoolRefs"},
		},
		{
			name: "it is kept by who has a seat of it", member: member("ada", seated("a", "", 3, 0)), pools: pools{pool("a", terminating, claimedBy("ada", 3))},
			want: Choice{Base: "a"},
		},
		{
			name: "it is kept by who names it", member: member("ada", from("a"), seated("a", "", 3, 0)), pools: pools{pool("a", terminating, claimedBy("ada", 3)), pool("b")},
			want: Choice{Base: "a"},
		},
		{
			name: "who names none moves to the only other one", member: member("ada", seated("a", "", 3, 0)), pools: pools{pool("a", terminating, claimedBy("ada", 3)), pool("b")},
			want: Choice{Base: "b"},
		},
		{
			name: "who names none keeps it while there are two others", member: member("ada", seated("a", "", 3, 0)),
			pools: pools{pool("a", terminating, claimedBy("ada", 3)), pool("b"), pool("c")}, want: Choice{Base: "a"},
		},
		{
			name: "who names it and another moves there", member: member("ada", from("a", "b"), seated("a", "", 3, 0)), pools: pools{pool("a", terminating, claimedBy("ada", 3)), pool("b")},
			want: Choice{Base: "b"},
		},
		{
			name: "it is not kept without a claim", member: member("ada", seated("a", "", 3, 0)), pools: pools{pool("a", terminating, claimedBy("bob", 3))},
			want: Choice{Problem: "SeatPool a is being deleted and gives no more seats; name another in spec.seatPoolRefs"},
		},
		{
			name: "it is not kept by who gave the seat back", member: member("ada", seated("a", "", 3, 3)), pools: pools{pool("a", terminating, claimedBy("ada", 3))},
			want: Choice{Problem: "SeatPool a is being deleted and gives no more seats; name another in spec.seatPoolRefs"},
		},
		{
			name: "it is not kept once that is allowed", member: member("ada", seated("a", "", 3, 0)), pools: pools{pool("a", terminating, allowed, claimedBy("ada", 3))},
			want: Choice{Problem: "SeatPool a is being deleted and gives no more seats; name another in spec.seatPoolRefs"},
		},
		{
			name: "an add-on's is kept", member: member("ada", from("pipes"), seated("pipes", "pipelines", 3, 0)),
			pools: pools{pool("a"), pool("pipes", addOn("pipelines"), terminating, claimedBy("ada", 3))}, want: Choice{Base: "a", AddOns: []string{"pipes"}},
		},
		{
			name: "an add-on's is not kept once that is allowed", member: member("ada", from("pipes"), seated("pipes", "pipelines", 3, 0)),
			pools: pools{pool("a"), pool("pipes", addOn("pipelines"), terminating, allowed, claimedBy("ada", 3))}, want: Choice{Base: "a", Missing: []string{"pipes"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			NewWithT(t).Expect(Choose(tt.member, tt.pools)).To(Equal(tt.want))
		})
	}
}

func TestChoiceNames(t *testing.T) {
	g := NewWithT(t)
	c := Choice{Base: "base", AddOns: []string{"pipes"}, Missing: []string{"charts"}}
	g.Expect(c.Names("base")).To(BeTrue())
	g.Expect(c.Names("pipes")).To(BeTrue())
	g.Expect(c.Names("charts")).To(BeFalse(), "a missing pool gives no seat")
	g.Expect(c.Names("other")).To(BeFalse())
	g.Expect(Choice{}.Names("")).To(BeFalse(), "the empty name is not the name of a missing base pool")
}

// noted has the member's metadata name its base pool.
func noted(pool string) func(*usherv1.Member) {
	return func(m *usherv1.Member) { m.Annotations = map[string]string{usherv1.SeatPoolAnnotation: pool} }
}

func TestRecordsBase(t *testing.T) {
	two, one := []usherv1.SeatPool{pool("a"), pool("b")}, []usherv1.SeatPool{pool("a"), pool("x", ofAccount("globex")), pool("y", addOn("y")), pool("z", terminating)}
	for name, tt := range map[string]struct {
		member *usherv1.Member
		pools  []usherv1.SeatPool
		want   bool
	}{
		"its account has another":     {member("ada", seated("a", "", 3, 0)), two, true},
		"its account has no other":    {member("ada", seated("a", "", 3, 0)), one, false},
		"it is recorded":              {member("ada", seated("a", "", 3, 0), noted("a")), two, false},
		"another is recorded":         {member("ada", seated("a", "", 3, 0), noted("b")), two, true},
		"the spec names it":           {member("ada", from("a")), two, false},
		"it is not clear which it is": {member("ada"), two, false},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(Choose(tt.member, tt.pools).RecordsBase(tt.member, tt.pools)).To(Equal(tt.want))
		})
	}
}
