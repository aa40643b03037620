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

// claimant returns a Member with the address that the tests are about, created that long ago and not reconciled yet.
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

// reconciled sets the Member's state and reason, for its present spec.
func reconciled(state usherv1.ObservedState, reason string) func(*usherv1.Member) {
	return func(m *usherv1.Member) {
		m.Status.State, m.Status.ObservedGeneration = state, m.Generation
		m.Status.Conditions = []metav1.Condition{{Type: usherv1.ConditionReady, Status: metav1.ConditionTrue, Reason: reason}}
	}
}

func activeWithSeat(m *usherv1.Member) { reconciled("Active", usherv1.ReasonAccepted)(m); withSeat(m) }
func withSeat(m *usherv1.Member)       { m.Status.Seats = []usherv1.MemberSeat{{Pool: "base", Grant: 7}} }
func duplicate(m *usherv1.Member)      { reconciled("Pending", usherv1.ReasonDuplicateEmail)(m) }
func edited(m *usherv1.Member)         { m.Generation++ }
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
		{name: "who has accepted, before an older one that has not, when no more is known of either", first: claimant("bob", newer, hasAccepted), second: claimant("ada", older)},
		{name: "who activeWithSeat there, before one that has accepted", first: claimant("bob", newer, activeWithSeat), second: claimant("ada", older, hasAccepted)},
		{
			name: "the address in another case", first: claimant("bob", older, func(m *usherv1.Member) { m.Spec.Email = "ADA@acme.example" }),
			second: claimant("ada", newer),
		},
		{
			name: "an Active member before an older one without a status", first: claimant("bob", newer, activeWithSeat),
			second: claimant("ada", older),
		},
		{
			name: "an Active member before an older Active one whose spec changed", first: claimant("bob", newer, activeWithSeat),
			second: claimant("ada", older, activeWithSeat, edited),
		},
		{
			name:   "a member that waits for a seat before an older one that waits and whose spec changed",
			first:  claimant("bob", newer, reconciled("Pending", "SeatUnavailable")),
			second: claimant("ada", older, reconciled("Pending", "SeatUnavailable"), edited),
		},
		{name: "of two Active members, the older", first: claimant("bob", older, activeWithSeat), second: claimant("ada", newer, activeWithSeat)},
		{
			name: "of two Active members whose specs changed, the older", first: claimant("bob", older, activeWithSeat, edited),
			second: claimant("ada", newer, activeWithSeat, edited),
		},
		{
			name: "an Active member before its older duplicate", first: claimant("bob", newer, activeWithSeat),
			second: claimant("ada", older, duplicate),
		},
		{
			name:  "a member that waits for a seat before its older duplicate",
			first: claimant("bob", newer, reconciled("Pending", "SeatUnavailable")), second: claimant("ada", older, duplicate),
		},

		{
			name:  "a restored member that has accepted before its older duplicate that was judged first",
			first: claimant("bob", newer, hasAccepted), second: claimant("ada", older, duplicate),
		},
		{
			name:  "a member that has accepted and lost its status before an older duplicate that is disabled",
			first: claimant("bob", newer, hasAccepted), second: claimant("ada", older, reconciled("Disabled", "DisabledBySpec")),
		},

		// A change of an address takes no access from another member, nor from the member itself.
		{
			name: "an Active member whose spec changed before its older duplicate", first: claimant("bob", newer, activeWithSeat, edited),
			second: claimant("ada", older, duplicate),
		},
		{
			name:  "an Active member whose spec changed before its older duplicate whose spec changed too",
			first: claimant("bob", newer, activeWithSeat, edited), second: claimant("ada", older, duplicate, edited),
		},
		{
			name: "an Active member before an older duplicate that was disabled since", first: claimant("bob", newer, activeWithSeat),
			second: claimant("ada", older, reconciled("Disabled", "DisabledBySpec")),
		},
		{
			name:  "an Active member whose spec changed before an older duplicate that was disabled since",
			first: claimant("bob", newer, activeWithSeat, edited), second: claimant("ada", older, reconciled("Disabled", "DisabledBySpec")),
		},
		{
			name: "an Active member before an older duplicate whose pool does not exist", first: claimant("bob", newer, activeWithSeat),
			second: claimant("ada", older, reconciled("Pending", "SeatPoolNotFound")),
		},
		{
			name:   "a member with a seat before its older duplicate, while the account is disabled",
			first:  claimant("bob", newer, reconciled("Disabled", "AccountDisabled"), withSeat),
			second: claimant("ada", older, reconciled("Disabled", "AccountDisabled")),
		},
		{
			name: "a seat of an add-on does not count", first: claimant("bob", older, reconciled("Pending", "SeatUnavailable")),
			second: claimant("ada", newer, reconciled("Pending", "SeatUnavailable"), func(m *usherv1.Member) {
				m.Status.Seats = []usherv1.MemberSeat{{Pool: "pipes", AddOn: "pipelines", Grant: 7}}
			}),
		},
		{
			name: "a seat that was given back does not count", first: claimant("bob", older, reconciled("Pending", "SeatUnavailable")),
			second: claimant("ada", newer, reconciled("Pending", "SeatUnavailable"), func(m *usherv1.Member) {
				m.Status.Seats = []usherv1.MemberSeat{{Pool: "base", Grant: 7, ReleasedGrant: 7}}
			}),
		},

		{name: "another address", neither: true, first: claimant("bob", older, func(m *usherv1.Member) { m.Spec.Email = "bob@acme.example" }), second: claimant("ada", newer)},
		{name: "another account", neither: true, first: claimant("bob", older, func(m *usherv1.Member) { m.Spec.AccountRef.Name = "globex" }), second: claimant("ada", newer)},
		{name: "another namespace", neither: true, first: claimant("bob", older, func(m *usherv1.Member) { m.Namespace = "globex" }), second: claimant("ada", newer)},
		{name: "itself", neither: true, first: claimant("ada", older, activeWithSeat), second: claimant("ada", older)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(Precedes(tt.first, tt.second)).To(Equal(!tt.neither))
			g.Expect(Precedes(tt.second, tt.first)).To(BeFalse())
		})
	}
	t.Run("a member that is being deleted does not come first", func(t *testing.T) {
		deleted := claimant("bob", older, activeWithSeat, func(m *usherv1.Member) { m.DeletionTimestamp = later(0) })
		NewWithT(t).Expect(Precedes(deleted, claimant("ada", newer))).To(BeFalse())
	})
}

// Of any members with one address exactly one comes first, with any statuses.
func TestPrecedesIsAnOrder(t *testing.T) {
	anyone := func(t *rapid.T, name string) *usherv1.Member {
		m := claimant(name, time.Duration(rapid.IntRange(0, 2).Draw(t, "age"))*time.Hour)
		if rapid.Bool().Draw(t, "reconciled") {
			reconciled(
				rapid.SampledFrom([]usherv1.ObservedState{"", "Pending", "Active", "Disabled"}).Draw(t, "state"),
				rapid.SampledFrom([]string{"DuplicateEmail", "Accepted", "SeatUnavailable", "DisabledBySpec"}).Draw(t, "reason"),
			)(m)
		}
		if rapid.Bool().Draw(t, "withSeat") {
			withSeat(m)
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
