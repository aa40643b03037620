// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seat

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/reason"
)

func TestWants(t *testing.T) {
	accepted := func(m *usherv1.Member) { m.Status.AcceptedAt = &metav1.Time{Time: minute(3)} }
	tests := []struct {
		name    string
		member  *usherv1.Member
		pool    usherv1.SeatPool
		account *usherv1.Account
		named   *usherv1.Plan
		others  []usherv1.SeatPool
		want    bool
	}{
		{name: "a new member", member: member("ada"), pool: pool("base"), account: account(), want: true},
		{
			name: "a member that is being deleted", member: member("ada", func(m *usherv1.Member) { m.DeletionTimestamp = &metav1.Time{Time: t0} }),
			pool: pool("base"), account: account(),
		},
		{
			name: "a disabled member", member: member("ada", func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled }), pool: pool("base"),
			account: account(),
		},
		{
			name: "a member whose access has ended", member: member("ada", func(m *usherv1.Member) { m.Spec.AccessUntil = &metav1.Time{Time: t0} }),
			pool: pool("base"), account: account(),
		},
		{
			name:   "a member whose access ends later",
			member: member("ada", func(m *usherv1.Member) { m.Spec.AccessUntil = &metav1.Time{Time: time.Now().Add(time.Hour)} }),
			pool:   pool("base"), account: account(), want: true,
		},
		{name: "no account", member: member("ada"), pool: pool("base")},
		{
			name: "a disabled account", member: member("ada"), pool: pool("base"),
			account: account(func(a *usherv1.Account) { a.Spec.State = usherv1.StateDisabled }),
		},
		{
			name: "an account that is being deleted", member: member("ada"), pool: pool("base"),
			account: account(func(a *usherv1.Account) { a.DeletionTimestamp = &metav1.Time{Time: t0} }),
		},
		{
			name: "a pool that is being deleted, whose status was wiped, gives back what it gave", member: member("ada", seated("base", "", 7, 0)),
			pool: pool("base", terminating), account: account(), want: true,
		},
		{
			name: "nor that of another pool of the same name", member: member("ada", seated("base", "", 7, 0), func(m *usherv1.Member) { m.Status.Seats[0].PoolUID = "uid-other" }),
			pool: pool("base", terminating), account: account(),
		},
		{name: "a pool that is being deleted", member: member("ada"), pool: pool("base", terminating), account: account()},
		{name: "a pool that is being deleted, which is not in the cache yet", member: member("ada"), pool: pool("base", terminating), account: account(), others: []usherv1.SeatPool{pool("base")}},
		{name: "another account's pool", member: member("ada"), pool: pool("base", ofAccount("globex")), account: account()},
		{name: "a pool that it does not name", member: member("ada", from("other")), pool: pool("base"), account: account(), others: []usherv1.SeatPool{pool("other")}},
		{name: "an add-on pool that it names", member: member("ada", from("pipes")), pool: pool("pipes", addOn("pipelines")), account: account(), others: []usherv1.SeatPool{pool("base")}, want: true},
		{name: "an add-on pool that it does not name", member: member("ada"), pool: pool("pipes", addOn("pipelines")), account: account(), others: []usherv1.SeatPool{pool("base")}},
		{name: "one of several base pools", member: member("ada"), pool: pool("base"), account: account(), others: []usherv1.SeatPool{pool("other")}},
		{name: "on acceptance, not accepted", member: member("ada"), pool: pool("base", onAcceptance), account: account()},
		{name: "on acceptance, accepted", member: member("ada", accepted), pool: pool("base", onAcceptance), account: account(), want: true},
		{
			name: "a role of the plan", member: member("ada", as("seller")), pool: pool("base"), account: account(onPlan), named: aPlan(),
			want: true,
		},
		{
			name: "a role that the plan does not have", member: member("ada", as("boss")), pool: pool("base"), account: account(onPlan),
			named: aPlan(),
		},
		{
			name: "a right that the plan does not have", member: member("ada", may("orders:cancel")), pool: pool("base"), account: account(onPlan),
			named: aPlan(),
		},
		{name: "a plan that does not exist", member: member("ada"), pool: pool("base"), account: account(onPlan)},
		{name: "on invitation, accepted", member: member("ada", accepted), pool: pool("base"), account: account(), want: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := CandidateOf(tt.member, &tt.pool, tt.account, plan.For(tt.account, tt.named), append(tt.others, tt.pool), time.Now())
			NewWithT(t).Expect(c.Wants).To(Equal(tt.want))
		})
	}
}

// Every reason that a Member can have, and whether a pool gives a seat to a Member with that reason.
func TestWantsByReason(t *testing.T) {
	reasons := map[string]bool{
		"":                                 true,
		usherv1.ReasonInviting:             true,
		usherv1.ReasonAwaitingAcceptance:   true,
		usherv1.ReasonSeatUnavailable:      true,
		usherv1.ReasonInvitationExpired:    false,
		usherv1.ReasonAccessEnded:          false,
		usherv1.ReasonInvitationRevoked:    false,
		usherv1.ReasonInvitationDeclined:   false,
		usherv1.ReasonMailRejected:         false,
		usherv1.ReasonMailNotReady:         true,
		usherv1.ReasonDuplicateEmail:       false,
		usherv1.ReasonAccountNotFound:      true, // the account exists now
		usherv1.ReasonSeatPoolNotFound:     true, // the pool exists now
		usherv1.ReasonAccountDeleting:      true, // the account was created again
		usherv1.ReasonAccepted:             true,
		usherv1.ReasonActivated:            true,
		usherv1.ReasonAddOnSeatUnavailable: true,
		usherv1.ReasonDisabledBySpec:       true, // enabled now
		usherv1.ReasonAccountDisabled:      true, // enabled now
		usherv1.ReasonPlanNotFound:         true, // the plan exists now
		usherv1.ReasonRoleNotInPlan:        true, // the plan has the role now
		usherv1.ReasonRightNotInPlan:       true, // the plan has the right now
		usherv1.ReasonDeleting:             true, // its deletionTimestamp decides
		usherv1.ReasonDeletionBlocked:      true, // its deletionTimestamp decides
		"UnknownReason":                    true,
	}
	for _, row := range reason.Members() {
		if _, found := reasons[row.Reason]; !found {
			reasons[row.Reason] = row.Custody != reason.Released
		}
	}
	for reason, want := range reasons {
		t.Run(reason, func(t *testing.T) {
			m := member("ada")
			if reason != "" {
				because(reason)(m)
			}
			p := pool("base")
			NewWithT(t).Expect(CandidateOf(m, &p, account(), plan.For(account(), nil), []usherv1.SeatPool{p}, time.Now()).Wants).To(Equal(want))
		})
	}
}

func TestCandidateOf(t *testing.T) {
	g := NewWithT(t)
	p := pool("base")
	m := member("ada", seated("other", "", 9, 9), seated("base", "", 7, 2), seated("pipes", "pipelines", 4, 0), func(m *usherv1.Member) {
		m.Spec.Email = "Ada@ACME.example"
		m.Status.State = usherv1.ObservedActive
		m.Status.AcceptedAt = &metav1.Time{Time: minute(3)}
	})
	g.Expect(CandidateOf(m, &p, account(), plan.For(account(), nil), []usherv1.SeatPool{p}, time.Now())).To(Equal(Candidate{
		UID: "uid-ada", Name: "ada", Email: "ada@acme.example", Created: t0, AcceptedAt: minute(3),
		Active: true, Stays: true, Wants: true, Grant: 7, ReleasedGrant: 2,
	}))

	fresh := CandidateOf(member("bob"), &p, account(), plan.For(account(), nil), []usherv1.SeatPool{p}, time.Now())
	g.Expect(fresh.Grant).To(BeZero())
	g.Expect(fresh.ReleasedGrant).To(BeZero())
	g.Expect(fresh.AcceptedAt).To(Equal(time.Time{}))
	g.Expect(fresh.Active).To(BeFalse())
}

func TestWaitsForAcceptance(t *testing.T) {
	g := NewWithT(t)
	early, late := pool("early"), pool("late", onAcceptance)
	g.Expect(WaitsForAcceptance(&early, false)).To(BeFalse())
	g.Expect(WaitsForAcceptance(&early, true)).To(BeFalse())
	g.Expect(WaitsForAcceptance(&late, false)).To(BeTrue())
	g.Expect(WaitsForAcceptance(&late, true)).To(BeFalse())
}
