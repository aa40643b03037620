// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// claimant is a Member with the address that the tests are about, made some time ago and never judged.
func claimant(name string, ago time.Duration, edits ...func(*usherv1.Member)) *usherv1.Member {
	m := &usherv1.Member{ObjectMeta: metav1.ObjectMeta{
		Name: name, Namespace: "acme", UID: types.UID("uid-" + name), Generation: 1, CreationTimestamp: *later(-ago),
	}}
	m.Spec.AccountRef.Name = "acme"
	m.Spec.Email = adaEmail
	m.Status.ObservedGeneration = -1
	for _, e := range edits {
		e(m)
	}
	return m
}

// judged lets a Member's status say so about its present spec.
func judged(state usherv1.ObservedState, reason string) func(*usherv1.Member) {
	return func(m *usherv1.Member) {
		m.Status.State, m.Status.ObservedGeneration = state, m.Generation
		m.Status.Conditions = []metav1.Condition{{Type: usherv1.ConditionReady, Status: metav1.ConditionTrue, Reason: reason}}
	}
}

func stands(m *usherv1.Member)    { judged("Active", usherv1.ReasonAccepted)(m); sits(m) }
func sits(m *usherv1.Member)      { m.Status.Seats = []usherv1.MemberSeat{{Pool: "base", Grant: 7}} }
func duplicate(m *usherv1.Member) { judged("Pending", usherv1.ReasonDuplicateEmail)(m) }
func edited(m *usherv1.Member)    { m.Generation++ }
func hasAccepted(m *usherv1.Member) {
	m.Status.AcceptedAt = later(-time.Minute)
}

func TestPrecedes(t *testing.T) {
	const older, newer = 2 * time.Hour, time.Hour
	tests := []struct {
		name          string
		first, second *usherv1.Member
		neither       bool
	}{
		{name: "the older", first: claimant("bob", older), second: claimant("ada", newer)},
		{name: "of the same age, the lower name", first: claimant("ada", older), second: claimant("bob", older)},
		{name: "the address in other letters", first: claimant("bob", older, func(m *usherv1.Member) { m.Spec.Email = "ADA@acme.example" }), second: claimant("ada", newer)},
		{name: "who stands there, before an older one that is new to us", first: claimant("bob", newer, stands), second: claimant("ada", older)},
		{name: "who stands there, before an older one that has just taken up the address", first: claimant("bob", newer, stands), second: claimant("ada", older, stands, edited)},
		{name: "who waits there without a seat, before an older one that has none either and has just taken up the address", first: claimant("bob", newer, judged("Pending", "SeatUnavailable")), second: claimant("ada", older, judged("Pending", "SeatUnavailable"), edited)},
		{name: "of two that stand there, the older", first: claimant("bob", older, stands), second: claimant("ada", newer, stands)},
		{name: "who has accepted, before an older one that has not, when no more is known of either", first: claimant("bob", newer, hasAccepted), second: claimant("ada", older)},
		{name: "who stands there, before one that has accepted", first: claimant("bob", newer, stands), second: claimant("ada", older, hasAccepted)},
		{name: "of two that were edited, the older", first: claimant("bob", older, stands, edited), second: claimant("ada", newer, stands, edited)},
		{name: "who stands there, before its older duplicate", first: claimant("bob", newer, stands), second: claimant("ada", older, duplicate)},
		{name: "who waits there, before its older duplicate", first: claimant("bob", newer, judged("Pending", "SeatUnavailable")), second: claimant("ada", older, duplicate)},

		// An edit of an address never takes access away, neither another member's nor the member's own.
		{name: "who stands there and was edited, before its older duplicate", first: claimant("bob", newer, stands, edited), second: claimant("ada", older, duplicate)},
		{name: "who stands there and was edited, before its older duplicate that was edited too", first: claimant("bob", newer, stands, edited), second: claimant("ada", older, duplicate, edited)},
		{name: "who stands there, before an older duplicate that was disabled since", first: claimant("bob", newer, stands), second: claimant("ada", older, judged("Disabled", "DisabledBySpec"))},
		{name: "who stands there and was edited, before an older duplicate that was disabled since", first: claimant("bob", newer, stands, edited), second: claimant("ada", older, judged("Disabled", "DisabledBySpec"))},
		{name: "who stands there, before an older duplicate whose pool is gone", first: claimant("bob", newer, stands), second: claimant("ada", older, judged("Pending", "SeatPoolNotFound"))},
		{
			name:  "who stood there, before its older duplicate, while the account is disabled",
			first: claimant("bob", newer, judged("Disabled", "AccountDisabled"), sits), second: claimant("ada", older, judged("Disabled", "AccountDisabled")),
		},
		{
			name: "a seat of an add-on is no standing", first: claimant("bob", older, judged("Pending", "SeatUnavailable")),
			second: claimant("ada", newer, judged("Pending", "SeatUnavailable"), func(m *usherv1.Member) {
				m.Status.Seats = []usherv1.MemberSeat{{Pool: "pipes", AddOn: "pipelines", Grant: 7}}
			}),
		},
		{
			name: "a seat that was given back is no standing", first: claimant("bob", older, judged("Pending", "SeatUnavailable")),
			second: claimant("ada", newer, judged("Pending", "SeatUnavailable"), func(m *usherv1.Member) {
				m.Status.Seats = []usherv1.MemberSeat{{Pool: "base", Grant: 7, ReleasedGrant: 7}}
			}),
		},

		{name: "another address", neither: true, first: claimant("bob", older, func(m *usherv1.Member) { m.Spec.Email = "bob@acme.example" }), second: claimant("ada", newer)},
		{name: "another account", neither: true, first: claimant("bob", older, func(m *usherv1.Member) { m.Spec.AccountRef.Name = "globex" }), second: claimant("ada", newer)},
		{name: "another namespace", neither: true, first: claimant("bob", older, func(m *usherv1.Member) { m.Namespace = "globex" }), second: claimant("ada", newer)},
		{name: "itself", neither: true, first: claimant("ada", older, stands), second: claimant("ada", older)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(Precedes(tt.first, tt.second)).To(Equal(!tt.neither))
			g.Expect(Precedes(tt.second, tt.first)).To(BeFalse())
		})
	}
	t.Run("a member that is being deleted is no rival", func(t *testing.T) {
		going := claimant("bob", older, stands, func(m *usherv1.Member) { m.DeletionTimestamp = later(0) })
		NewWithT(t).Expect(Precedes(going, claimant("ada", newer))).To(BeFalse())
	})
}

// Of any members with one address exactly one has it, whatever their statuses say.
func TestPrecedesIsAnOrder(t *testing.T) {
	anyone := func(t *rapid.T, name string) *usherv1.Member {
		m := claimant(name, time.Duration(rapid.IntRange(0, 2).Draw(t, "age"))*time.Hour)
		if rapid.Bool().Draw(t, "judged") {
			judged(
				rapid.SampledFrom([]usherv1.ObservedState{"", "Pending", "Active", "Disabled"}).Draw(t, "state"),
				rapid.SampledFrom([]string{"DuplicateEmail", "Accepted", "SeatUnavailable", "DisabledBySpec"}).Draw(t, "reason"),
			)(m)
		}
		if rapid.Bool().Draw(t, "sits") {
			sits(m)
		}
		if rapid.Bool().Draw(t, "edited") {
			edited(m)
		}
		if rapid.Bool().Draw(t, "accepted") {
			hasAccepted(m)
		}
		return m
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anyone(t, "a"), anyone(t, "b"), anyone(t, "c")
		if Precedes(a, b) == Precedes(b, a) {
			t.Fatalf("of two members with one address, not exactly one comes first")
		}
		if Precedes(a, b) && Precedes(b, c) && !Precedes(a, c) {
			t.Fatalf("a before b before c, and not before c")
		}
	})
}
