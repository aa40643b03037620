// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

func TestCredentials(t *testing.T) {
	of := func(uid, email string) edit {
		return credentials(func(c *Credentials) { c.MemberUID, c.Email = uid, email })
	}
	seat := claims("base", 7)
	tests := []struct {
		name             string
		edits            []edit
		accepted         bool
		drop, make, move bool
		withdraws        bool
	}{
		{name: "none"},
		{name: "the member's own", edits: []edit{seat, credentials()}, accepted: true},
		{name: "without an owner", edits: []edit{seat, of("", "")}, accepted: true},
		{name: "the address in another case", edits: []edit{seat, of(adaUID, strings.ToUpper(adaEmail))}, accepted: true},
		{
			name: "only the metadata was read", edits: []edit{active, credentials(func(c *Credentials) { c.Email, c.Recorded = "", true })},
			accepted: true,
		},

		{name: "accepted with an address that was corrected meanwhile", edits: []edit{seat, of(adaUID, "eve@acme.example")}, drop: true},
		{name: "the address changed after it was accepted", edits: []edit{active, readdressed, of(adaUID, adaEmail)}, accepted: true, move: true},
		{name: "the address changed while disabled", edits: []edit{active, disabled, readdressed, of(adaUID, adaEmail)}, accepted: true, move: true},

		{name: "restored with another UID", edits: []edit{seat, of("uid-before-the-restore", adaEmail)}, accepted: true},
		{
			name:  "restored with another UID, and the account remembers other members",
			edits: []edit{seat, of("uid-before-the-restore", adaEmail), remembersUID("uid-someone")}, accepted: true,
		},
		{
			name: "left by a former member with the same name", edits: []edit{seat, of("uid-former", adaEmail), remembersUID("uid-former")},
			drop: true,
		},
		{
			name:  "left by a former member, with another address",
			edits: []edit{acceptedBefore, seat, of("uid-former", "eve@acme.example"), remembersUID("uid-former")}, drop: true,
		},
		{
			name: "the member's own, although the account remembers its UID", edits: []edit{seat, credentials(), remembersUID(adaUID)},
			accepted: true,
		},
		{name: "of a former member, without an account that remembers it", edits: []edit{noAccount, of("uid-former", adaEmail)}, accepted: true},

		{
			name: "the credentials of an Active member were deleted", edits: []edit{active, func(o *Observation) { o.Credentials = nil }},
			withdraws: true,
		},
		{name: "being deleted", edits: []edit{active, deleting}, drop: true},
		{name: "being deleted, without credentials", edits: []edit{deleting}},

		{name: "no invitation needed", edits: []edit{immediate}, make: true},
		{name: "no invitation needed, credentials exist", edits: []edit{immediate, seat, credentials()}, accepted: true},
		{
			name:  "no invitation needed, credentials of a former member exist",
			edits: []edit{immediate, of("uid-former", adaEmail), remembersUID("uid-former")}, drop: true,
		},
		{name: "no invitation needed, but disabled", edits: []edit{immediate, disabled}},
		{name: "no invitation needed, but no account", edits: []edit{immediate, noAccount}},
		{name: "no invitation needed, but no pool", edits: []edit{immediate, noPools}},
		{name: "no invitation needed, but another member's address", edits: []edit{immediate, rival}},
		{name: "no invitation needed, but being deleted", edits: []edit{immediate, deleting}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			o := observed(tt.edits...)
			d := Decide(o, now)
			g.Expect(d.Status.AcceptedAt != nil).To(Equal(tt.accepted), "accepted")
			g.Expect(d.DropCredentials).To(Equal(tt.drop), "DropCredentials")
			g.Expect(d.MakeCredentials).To(Equal(tt.make), "MakeCredentials")
			g.Expect(d.MoveCredentials).To(Equal(tt.move), "MoveCredentials")
			g.Expect(d.Withdraws).To(Equal(tt.withdraws), "Withdraws")
			if tt.accepted {
				g.Expect(*d.Status.AcceptedAt).To(Equal(o.Credentials.AcceptedAt))
			}
			if d.Status.State == usherv1.ObservedActive {
				g.Expect(tt.accepted).To(BeTrue(), "no member is Active without an acceptance")
			}
		})
	}
}

// With activation Immediate, the member is Active as soon as its credentials exist.
func TestImmediate(t *testing.T) {
	g := NewWithT(t)
	o := observed(immediate, claims("base", 7))
	d := Decide(o, now)
	g.Expect(d.MakeCredentials).To(BeTrue())
	g.Expect(d.Invite).To(BeFalse())
	g.Expect(seatsOf(d.Status)).To(BeEmpty(), "the member takes its seat when it has credentials")
	d = Decide(with(o, credentials()), now)
	g.Expect(d.Status.State).To(Equal(usherv1.ObservedActive))
	g.Expect(d.MakeCredentials).To(BeFalse())
}

// The API token is replaced after the status says Disabled, and before the seat is given back or the Member is Active again.
func TestRotateToken(t *testing.T) {
	rotated := func(o *Observation) { o.Credentials.TokenRotatedFor = o.Member.Status.DisabledAt.Time }
	for name, off := range map[string]edit{"disabled": disabled, "access ended": endsIn(-time.Second), "account disabled": accountDisabled} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			o := observed(active)
			g.Expect(Decide(o, now).RotateToken).To(BeFalse(), "Active")
			o = with(o, off, notWithdrawn)
			d := Decide(o, now)
			g.Expect(d.RotateToken).To(BeFalse(), "the status does not say so yet")

			o = with(settled(o, d.Status), func(o *Observation) { o.Withdrawn = true })
			d = Decide(o, now)
			g.Expect(d.RotateToken).To(BeTrue())
			g.Expect(d.Status.Seats[0].Held()).To(BeTrue(), "the token is replaced first")
			on := with(settled(o, o.Member.Status), func(o *Observation) {
				o.Member.Spec.State, o.Member.Spec.AccessUntil, o.Account = usherv1.StateActive, nil, observed().Account
			})
			d = Decide(on, now)
			g.Expect(d.Status.State).To(Equal(usherv1.ObservedActive))
			g.Expect(d.RotateToken).To(BeTrue(), "enabled before the token was replaced")

			d = Decide(with(o, rotated), now)
			g.Expect(d.RotateToken).To(BeFalse(), "once")
			g.Expect(d.Status.Seats[0].Held()).To(Equal(name == "account disabled"))
			g.Expect(Decide(settled(with(o, rotated), d.Status), now.Add(time.Hour)).RotateToken).To(BeFalse(), "at rest")
		})
	}
	t.Run("not accepted", func(t *testing.T) {
		g := NewWithT(t)
		d := Decide(observed(disabled, was(usherv1.ObservedDisabled), func(o *Observation) { o.Member.Status.DisabledAt = later(0) }), now)
		g.Expect(d.RotateToken).To(BeFalse())
	})
	t.Run("never disabled", func(t *testing.T) {
		g := NewWithT(t)
		g.Expect(Decide(observed(active, was(usherv1.ObservedPending), rival), now).RotateToken).To(BeFalse())
	})
}

// Each time that a member is disabled has its own DisabledAt: if it is disabled twice within a second, or if an operator's clock is behind or
// ahead.
func TestDisabledAtIsUnique(t *testing.T) {
	g := NewWithT(t)
	o := observed(active, disabled, func(o *Observation) { o.Member.Status.DisabledAt = later(0) })
	g.Expect(Decide(o, now.Add(300*time.Millisecond)).Status.DisabledAt).To(Equal(later(time.Second)))
	g.Expect(Decide(o, now.Add(-5*time.Minute)).Status.DisabledAt).To(Equal(later(time.Second)))
	g.Expect(Decide(o, now.Add(-365*day)).Status.DisabledAt).To(Equal(later(time.Second)), "a clock that is behind the Member's creation doubts nothing")
	o.Member.Status.DisabledAt = later(365 * day)
	g.Expect(Decide(o, now).Status.DisabledAt).To(Equal(later(0)), "a moment that lies a year ahead is not passed on")
	g.Expect(Decide(o, now.Add(time.Hour)).Status.DisabledAt).To(Equal(later(time.Hour)))
}

// A Secret that Usher did not make is not deleted, changed or replaced, and does not keep a deleted Member.
func TestASecretByAnotherIsLeftAlone(t *testing.T) {
	g := NewWithT(t)
	for name, edits := range map[string][]edit{
		"pending": {}, "accepted before": {active, acceptedBefore}, "immediate": {immediate}, "disabled": {active, disabled},
		"deleted": {deleting}, "of an earlier Member": {acceptedBefore},
	} {
		d := Decide(observed(append(slices.Clone(edits), credentials(foreign))...), now)
		g.Expect(d.DropCredentials || d.MakeCredentials || d.MoveCredentials || d.RotateToken).To(BeFalse(), name)
		g.Expect(d.Invite).To(BeFalse(), name)
		g.Expect(d.Status.AcceptedAt).To(BeNil(), name)
	}
	gone := Decide(observed(deleting, noAccount, credentials(foreign)), now)
	g.Expect(gone.Forget).To(BeTrue())
}
