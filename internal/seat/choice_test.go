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
			name: "several base pools, a seat held in one before", member: member("ada", seated("b", "", 3, 3)), pools: pools{pool("b"), pool("a")},
			want: Choice{Base: "b"},
		},
		{
			name: "several base pools, a seat held in one, and in another before", member: member("ada", seated("a", "", 3, 3), seated("b", "", 3, 0)),
			pools: pools{pool("b"), pool("a")}, want: Choice{Base: "b"},
		},
		{
			name: "several base pools, a seat held in each before", member: member("ada", seated("a", "", 3, 3), seated("b", "", 3, 3)), pools: pools{pool("b"), pool("a")},
			want: Choice{Problem: "account acme has 2 SeatPools for the base product (a, b); name one in spec.seatPoolRefs"},
		},
		{
			name: "several base pools, a seat held only of an add-on", member: member("ada", seated("pipes", "pipelines", 3, 0)),
			pools: pools{pool("b"), pool("a"), pool("pipes", addOn("pipelines"))},
			want:  Choice{Problem: "account acme has 2 SeatPools for the base product (a, b); name one in spec.seatPoolRefs"},
		},
		{
			name: "several base pools, a seat held in one that is gone", member: member("ada", seated("c", "", 3, 0)), pools: pools{pool("b"), pool("a")},
			want: Choice{Problem: "account acme has 2 SeatPools for the base product (a, b); name one in spec.seatPoolRefs"},
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
			name: "what is named comes before what is held", member: member("ada", from("a"), seated("b", "", 3, 0)), pools: pools{pool("a"), pool("b")},
			want: Choice{Base: "a"},
		},
		{
			name: "two base pools named", member: member("ada", from("b", "a")), pools: pools{pool("a"), pool("b")},
			want: Choice{Problem: "spec.seatPoolRefs names 2 pools of the base product (b, a); name one"},
		},
		{
			name: "the named one is missing", member: member("ada", from("c")), pools: pools{pool("a")},
			want: Choice{Missing: []string{"c"}, Problem: "account acme has no SeatPool c; create it or correct spec.seatPoolRefs"},
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
			name: "a base pool, and an add-on that is missing", member: member("ada", from("a", "pipes")), pools: pools{pool("a")},
			want: Choice{Base: "a", Missing: []string{"pipes"}},
		},
		{
			name: "other accounts' pools do not count", member: member("ada"), pools: pools{pool("other", ofAccount("globex")), pool("base")},
			want: Choice{Base: "base"},
		},
		{
			name: "other accounts' pools cannot be named", member: member("ada", from("other")), pools: pools{pool("other", ofAccount("globex")), pool("base")},
			want: Choice{Missing: []string{"other"}, Problem: "account acme has no SeatPool other; create it or correct spec.seatPoolRefs"},
		},
		{
			name: "a pool that is being deleted does not count", member: member("ada"), pools: pools{pool("a", terminating), pool("b")}, want: Choice{Base: "b"},
		},
		{
			name: "a pool that is being deleted cannot be named", member: member("ada", from("a")), pools: pools{pool("a", terminating), pool("b")},
			want: Choice{Missing: []string{"a"}, Problem: "account acme has no SeatPool a; create it or correct spec.seatPoolRefs"},
		},
		{
			name: "a pool that is being deleted is not kept", member: member("ada", seated("a", "", 3, 0)), pools: pools{pool("a", terminating)},
			want: Choice{Problem: "account acme has no SeatPool for the base product; create one"},
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
	g.Expect(c.Names("charts")).To(BeFalse(), "what is missing gives no seat")
	g.Expect(c.Names("other")).To(BeFalse())
	g.Expect(Choice{}.Names("")).To(BeFalse(), "no base pool is not a pool without a name")
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
