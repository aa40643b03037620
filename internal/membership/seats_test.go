// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// seatsOf returns the seats as "pool grant/releasedGrant".
func seatsOf(s usherv1.MemberStatus) []string {
	list := []string{}
	for _, x := range s.Seats {
		list = append(list, fmt.Sprintf("%s %d/%d", x.Pool, x.Grant, x.ReleasedGrant))
	}
	return list
}

func TestSeats(t *testing.T) {
	late := func(name string) usherv1.SeatPool { return aPool(name, onAcceptance) }
	pipes := aPool("pipes", addOn("pipelines"))
	two := pools(aPool("base"), aPool("other"))
	tests := []struct {
		name      string
		edits     []edit
		want      []string
		state     usherv1.ObservedState
		withdraws bool
	}{
		// Taking.
		{name: "a claim becomes a seat", edits: []edit{claims("base", 7)}, want: []string{"base 7/0"}},
		{name: "no claim, no seat", want: []string{}},
		{
			name: "a higher claim after an earlier one was given back", edits: []edit{recorded("base", 5, 5), claims("base", 7)},
			want: []string{"base 7/5"},
		},
		{
			name: "a claim that was given back does not become a seat again", edits: []edit{recorded("base", 7, 7), claims("base", 7)},
			want: []string{"base 7/7"},
		},
		{
			name: "an older claim, of an old ledger, does not become a seat", edits: []edit{recorded("base", 7, 7), claims("base", 5)},
			want: []string{"base 7/7"},
		},
		{
			name:  "an older claim below one that was given back without having been a seat",
			edits: []edit{recorded("base", 0, 7), claims("base", 5)}, want: []string{"base 0/7"},
		},
		{
			name: "a claim that was added after the ledger was lost", edits: []edit{recorded("base", 7, 0), claims("base", 8)},
			want: []string{"base 8/0"},
		},
		{
			name: "a lower claim does not lower the recorded grant", edits: []edit{recorded("base", 7, 0), claims("base", 2)},
			want: []string{"base 7/0"},
		},
		{
			name: "also of an add-on", edits: []edit{pools(aPool("base"), pipes), refs("pipes"), claims("base", 7), claims("pipes", 3)},
			want: []string{"base 7/0", "pipes 3/0"},
		},
		{name: "held while nothing changes", edits: []edit{active}, want: []string{"base 7/0"}, state: "Active"},

		// Giving back.
		{name: "disabled", edits: []edit{active, disabled}, want: []string{"base 7/7"}, state: "Disabled"},
		{name: "deleted", edits: []edit{active, deleting}, want: []string{"base 7/7"}, state: "Disabled"},
		{name: "no account", edits: []edit{active, noAccount}, want: []string{"base 7/7"}, withdraws: true},
		{name: "another member's address", edits: []edit{active, rival}, want: []string{"base 7/7"}, withdraws: true},
		{name: "expired", edits: []edit{holding("base", 7), invitation("Expired")}, want: []string{"base 7/7"}, withdraws: true},
		{name: "revoked", edits: []edit{holding("base", 7), invitation("Sent", revokedBySpec)}, want: []string{"base 7/7"}, withdraws: true},
		{name: "declined", edits: []edit{holding("base", 7), invitation("Declined")}, want: []string{"base 7/7"}, withdraws: true},
		{
			name: "the mail is refused permanently", edits: []edit{holding("base", 7), invitation("Failed")}, want: []string{"base 7/7"},
			withdraws: true,
		},
		{
			name: "a claim that never became a seat is given back too", edits: []edit{claims("base", 7), disabled}, want: []string{"base 0/7"},
			state: "Disabled",
		},
		{
			name: "a claim above the recorded grant is given back too", edits: []edit{recorded("base", 5, 0), claims("base", 7), disabled},
			want: []string{"base 5/7"}, state: "Disabled",
		},
		{
			name: "given back already", edits: []edit{recorded("base", 7, 7), claims("base", 7), disabled}, want: []string{"base 7/7"},
			state: "Disabled",
		},
		{name: "nothing to give back", edits: []edit{disabled}, want: []string{}, state: "Disabled"},

		// Keeping.
		{name: "kept while the account is disabled", edits: []edit{active, accountDisabled}, want: []string{"base 7/0"}, state: "Disabled", withdraws: true},
		{name: "kept while it is not clear which pool is meant", edits: []edit{two, active, refs("base", "other")}, want: []string{"base 7/0"}, withdraws: true},
		{name: "kept, with access, while a pool that is named does not exist", edits: []edit{active, refs("nowhere")}, want: []string{"base 7/0"}, state: "Active"},
		{name: "kept, with access, when the pool of an add-on is gone", edits: []edit{pools(aPool("base"), pipes), active, holding("pipes", 3), refs("pipes"), func(o *Observation) { o.Pools = o.Pools[:1] }}, want: []string{"base 7/0", "pipes 3/3"}, state: "Active", withdraws: true},
		{name: "kept in the one of two pools that has it", edits: []edit{two, active}, want: []string{"base 7/0"}, state: "Active"},
		{name: "kept while the invitation is sent again", edits: []edit{holding("base", 7), invitation("Expired", raised)}, want: []string{"base 7/0"}},
		{name: "not taken while the account is disabled", edits: []edit{claims("base", 7), accountDisabled}, want: []string{}, state: "Disabled"},

		// A claim that no longer exists.
		{name: "lost", edits: []edit{active, claims("base", 0)}, want: []string{"base 7/7"}, withdraws: true},
		{
			name:  "an older claim in an old ledger is not the claim of the seat",
			edits: []edit{recorded("base", 7, 5), claims("base", 5), credentials()}, want: []string{"base 7/7"}, withdraws: true,
		},
		{
			name: "the pool's status was lost: the member waits for the SeatPool controller", edits: []edit{active, editPool("base", notReconciled)},
			want: []string{"base 7/0"}, state: "Active",
		},
		{name: "the pool's status was replaced by an empty one", edits: []edit{active, editPool("base", wiped)}, want: []string{"base 7/0"}, state: "Active"},
		{name: "the SeatPool controller has seen the wiped ledger, and others were first", edits: []edit{active, editPool("base", wiped), editPool("base", func(p *usherv1.SeatPool) { p.Status.ObservedGeneration = 1 })}, want: []string{"base 7/7"}, withdraws: true},
		{name: "the pool is being deleted: kept", edits: []edit{active, editPool("base", terminating)}, want: []string{"base 7/0"}, state: "Active"},
		{name: "the pool is being deleted, and named: kept", edits: []edit{active, refs("base"), editPool("base", terminating)}, want: []string{"base 7/0"}, state: "Active"},
		{name: "the pool is being deleted: kept until there is an answer", edits: []edit{holding("base", 7), invitation("Sent"), editPool("base", terminating)}, want: []string{"base 7/0"}},
		{name: "the pool is being deleted: kept while the account is disabled", edits: []edit{active, accountDisabled, editPool("base", terminating)}, want: []string{"base 7/0"}, state: "Disabled", withdraws: true},
		{name: "the pool is being deleted, and the member is disabled", edits: []edit{active, disabled, editPool("base", terminating)}, want: []string{"base 7/7"}, state: "Disabled"},
		{name: "the pool is being deleted, and the account with it", edits: []edit{active, accountDeleting, editPool("base", terminating)}, want: []string{"base 7/7"}, withdraws: true},
		{name: "the pool is being deleted, and its status was wiped", edits: []edit{active, editPool("base", terminating), editPool("base", notReconciled)}, want: []string{"base 7/0"}, state: "Active"},
		{name: "the pool is being deleted, and its ledger has no claim", edits: []edit{active, editPool("base", terminating), claims("base", 0)}, want: []string{"base 7/7"}, withdraws: true},
		{name: "the pool is being deleted, as a user has allowed", edits: []edit{active, editPool("base", terminating), editPool("base", allowed)}, want: []string{"base 7/7"}, withdraws: true},
		{name: "deletion is allowed, and the pool is not being deleted", edits: []edit{active, editPool("base", allowed)}, want: []string{"base 7/0"}, state: "Active"},
		{name: "the account is being deleted", edits: []edit{active, accountDeleting}, want: []string{"base 7/7"}, withdraws: true},
		{name: "an add-on's pool is being deleted: kept", edits: []edit{pools(aPool("base"), pipes), active, holding("pipes", 3), refs("pipes"), editPool("pipes", terminating)}, want: []string{"base 7/0", "pipes 3/0"}, state: "Active"},
		{name: "an add-on's pool is being deleted, as a user has allowed", edits: []edit{pools(aPool("base"), pipes), active, holding("pipes", 3), refs("pipes"), editPool("pipes", terminating), editPool("pipes", allowed)}, want: []string{"base 7/0", "pipes 3/3"}, state: "Active", withdraws: true},
		{name: "a pool that is being deleted gives nothing to a member without a pool", edits: []edit{pools(aPool("base"), aPool("b"), aPool("c")), claims("base", 7), editPool("base", terminating)}, want: []string{"base 0/7"}},
		{name: "a pool that is being deleted gets back a claim that is not in use", edits: []edit{claims("base", 7), editPool("base", terminating)}, want: []string{"base 0/7"}},
		{name: "the pool is gone", edits: []edit{active, noPools}, want: []string{"base 7/7"}, withdraws: true},
		{name: "the pool was made anew: the member waits for the SeatPool controller", edits: []edit{active, editPool("base", notReconciled), editPool("base", func(p *usherv1.SeatPool) { p.UID = "uid-2" })}, want: []string{"base 7/0"}, state: "Active"},

		// Moving.
		{name: "the old seat until the new one is there", edits: []edit{two, active, refs("other")}, want: []string{"base 7/0"}, state: "Active"},
		{name: "the new one is there", edits: []edit{two, active, refs("other"), claims("other", 2)}, want: []string{"base 7/7", "other 2/0"}, state: "Active", withdraws: true},
		{name: "the new one is there, and sorted after", edits: []edit{pools(aPool("base"), aPool("a")), active, refs("a"), claims("a", 2)}, want: []string{"a 2/0", "base 7/7"}, state: "Active", withdraws: true},
		{name: "the old one is lost while the new one is waited for", edits: []edit{two, active, refs("other"), claims("base", 0)}, want: []string{"base 7/7"}, withdraws: true},
		{name: "the old pool is being deleted while the new one is full", edits: []edit{two, active, refs("other"), editPool("base", terminating)}, want: []string{"base 7/0"}, state: "Active"},
		{name: "the old pool is being deleted, and there is one other", edits: []edit{two, active, editPool("base", terminating), claims("other", 2)}, want: []string{"base 7/7", "other 2/0"}, state: "Active", withdraws: true},
		{name: "both pools are named, and the old one is being deleted", edits: []edit{two, active, refs("base", "other"), editPool("base", terminating), claims("other", 2)}, want: []string{"base 7/7", "other 2/0"}, state: "Active", withdraws: true},
		{name: "a claim of the old pool that was never taken up is no seat to wait in", edits: []edit{two, claims("base", 7), refs("other")}, want: []string{"base 0/7"}},
		{name: "an add-on that is not named any more", edits: []edit{pools(aPool("base"), pipes), active, holding("pipes", 3)}, want: []string{"base 7/0", "pipes 3/3"}, state: "Active", withdraws: true},
		{name: "the new pool gives seats on acceptance only: a pending member keeps none for it", edits: []edit{pools(aPool("base"), late("other")), holding("base", 7), refs("other")}, want: []string{"base 7/7"}, withdraws: true},
		{name: "the new pool gives seats on acceptance: who has accepted keeps the old one until then", edits: []edit{pools(aPool("base"), late("other")), active, refs("other")}, want: []string{"base 7/0"}, state: "Active"},

		// A released grant stays in the status.
		{
			name: "of a pool that the member left", edits: []edit{two, active, refs("base"), recorded("other", 4, 4)},
			want: []string{"base 7/0", "other 4/4"}, state: "Active",
		},
		{
			name: "of a pool that does not exist", edits: []edit{active, recorded("old", 4, 4)}, want: []string{"base 7/0", "old 4/4"},
			state: "Active",
		},

		// Reservation.
		{name: "on acceptance: no seat until then", edits: []edit{pools(late("base")), invitation("Sent")}, want: []string{}},
		{name: "on acceptance, switched while pending", edits: []edit{pools(late("base")), holding("base", 7), invitation("Sent")}, want: []string{"base 7/7"}, withdraws: true},
		{name: "on acceptance, switched after the acceptance", edits: []edit{pools(late("base")), active}, want: []string{"base 7/0"}, state: "Active"},
		{name: "on acceptance, accepted", edits: []edit{pools(late("base")), credentials(), claims("base", 7)}, want: []string{"base 7/0"}, state: "Active"},
		{
			name: "on acceptance, a claim that the member does not want", edits: []edit{pools(late("base")), claims("base", 7)},
			want: []string{"base 0/7"},
		},
		{name: "on invitation again: a new claim", edits: []edit{recorded("base", 7, 7), claims("base", 8), invitation("Sent")}, want: []string{"base 8/7"}},
		{
			name: "an add-on on acceptance, the base on invitation", edits: []edit{pools(aPool("base"), aPool("pipes", addOn("pipelines"), onAcceptance)), refs("pipes"), holding("base", 7), claims("pipes", 3)},
			want: []string{"base 7/0", "pipes 0/3"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			if tt.state == "" {
				tt.state = usherv1.ObservedPending
			}
			o := observed(tt.edits...)
			d := Decide(o, now)
			g.Expect(seatsOf(d.Status)).To(Equal(tt.want))
			g.Expect(d.Status.State).To(Equal(tt.state))
			g.Expect(d.Withdraws).To(Equal(tt.withdraws), "Withdraws")

			again := Decide(settled(o, d.Status), now)
			g.Expect(seatsOf(again.Status)).To(Equal(tt.want), "decided again")
			g.Expect(again.Withdraws).To(BeFalse(), "nothing is left to withdraw")
		})
	}
}

func TestSeatNamesItsPoolAndAddOn(t *testing.T) {
	g := NewWithT(t)
	o := observed(pools(aPool("base"), aPool("pipes", addOn("pipelines"))), refs("pipes"), claims("base", 7), claims("pipes", 3))
	g.Expect(Decide(o, now).Status.Seats).To(Equal([]usherv1.MemberSeat{
		{Pool: "base", PoolUID: "uid-base", Grant: 7}, {Pool: "pipes", PoolUID: "uid-pipes", AddOn: "pipelines", Grant: 3},
	}))

	// A pool that was created again with the same name, for an add-on, is not a pool of the base product.
	o = observed(active, editPool("base", func(p *usherv1.SeatPool) { p.UID, p.Spec.AddOn = types.UID("uid-2"), "pipelines" }))
	s := Decide(o, now).Status
	g.Expect(s.State).To(Equal(usherv1.ObservedPending))
	g.Expect(s.Seats[0].AddOn).To(Equal("pipelines"))
}

// The status has room for 64 pools: seats of pools that no longer exist are dropped first.
func TestSeatsOfDeletedPoolsAreDropped(t *testing.T) {
	g := NewWithT(t)
	o := observed(active)
	for i := range 64 {
		recorded(fmt.Sprintf("gone-%02d", i), 1, 1)(&o)
	}
	s := Decide(o, now).Status
	g.Expect(s.Seats).To(HaveLen(64))
	g.Expect(s.Seats[0].Pool).To(Equal("base"))
	g.Expect(s.State).To(Equal(usherv1.ObservedActive))
}

func TestDisabledAndBackAmongSeveralPools(t *testing.T) {
	g := NewWithT(t)
	o := observed(pools(aPool("base"), aPool("other")), active, disabled)
	o = settled(o, Decide(o, now).Status)
	o.Member.Spec.State = usherv1.StateActive
	claims("base", 8)(&o)
	s := Decide(o, now).Status
	g.Expect(s.State).To(Equal(usherv1.ObservedActive), "it returns to the pool that it had a seat of")
	g.Expect(seatsOf(s)).To(Equal([]string{"base 8/7"}))
}

// A member that was Active gives its seat back in a second step, after its access is withdrawn.
func TestSeatWaitsForTheWithdrawal(t *testing.T) {
	losing := map[string]edit{
		"disabled": disabled, "being deleted": deleting, "no account": noAccount, "another member's address": rival,
		"the account is going": accountDeleting,
		"the pool is going":    func(o *Observation) { editPool("base", terminating)(o); editPool("base", allowed)(o) },
	}
	for name, lose := range losing {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			o := observed(active, lose, notWithdrawn)
			d := Decide(o, now)
			g.Expect(d.AwaitsWithdrawal).To(BeTrue())
			g.Expect(d.Status.State).NotTo(Equal(usherv1.ObservedActive))
			g.Expect(d.Status.Seats[0].Held()).To(BeTrue())
			g.Expect(d.Wake).NotTo(BeZero())

			o = settled(o, d.Status)
			g.Expect(Decide(o, now).Status).To(Equal(o.Member.Status), "it waits")
			o.Withdrawn = true
			if at := o.Member.Status.DisabledAt; at != nil {
				o.Credentials.TokenRotatedFor = at.Time
			}
			d = Decide(o, now)
			g.Expect(d.AwaitsWithdrawal).To(BeFalse())
			g.Expect(d.Status.Seats[0].Held()).To(BeFalse())

			d = Decide(observed(active, lose, notWithdrawn, editPool("base", func(p *usherv1.SeatPool) { p.Status.Claims = nil })), now)
			g.Expect(d.Withdraws).To(BeTrue(), "a ledger without the claim may be an old one")
		})
	}
	for name, o := range map[string]Observation{
		"a member that never had access": observed(holding("base", 7), disabled, notWithdrawn),
		"a member whose claim is gone":   observed(active, notWithdrawn, editPool("base", func(p *usherv1.SeatPool) { p.Status.Claims = nil })),
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			d := Decide(o, now)
			g.Expect(d.AwaitsWithdrawal).To(BeFalse())
			g.Expect(d.Status.Seats[0].Held()).To(BeFalse())
		})
	}
}
