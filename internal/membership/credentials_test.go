// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	creds "github.com/usher-dev/usher/internal/credentials"
)

func TestCredentials(t *testing.T) {
	of := func(uid, email string) edit {
		return credentials(func(c *Credentials) { c.MemberUID, c.Email = uid, email })
	}
	seat := claims("base", 7)
	signed := func(is creds.Signature) func(*Credentials) { return func(c *Credentials) { c.Signature = is } }
	other := func(c *Credentials) { c.Email = "eve@acme.example" }
	former := func(c *Credentials) { c.MemberUID = "uid-former" }
	password := func(c *Credentials) { c.HasPassword = true }
	immutable := func(c *Credentials) { c.Immutable = true }
	tests := []struct {
		name             string
		edits            []edit
		accepted         bool
		drop, make, move bool
		withdraws        bool
		takes, again     bool
		invalid          string
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
		{name: "the address changed after it was accepted", edits: []edit{active, readdressed, of(adaUID, adaEmail)}, accepted: true},
		{name: "the address changed while disabled", edits: []edit{active, disabled, readdressed, of(adaUID, adaEmail)}, accepted: true},
		{name: "the address changed, and no invitation is needed", edits: []edit{active, immediate, readdressed, of(adaUID, adaEmail)}, accepted: true, move: true},
		{
			name:  "the address changed, no invitation is needed, and they are immutable",
			edits: []edit{active, immediate, readdressed, credentials(func(c *Credentials) { c.Email = adaEmail }, immutable)}, accepted: true,
		},
		{name: "restored while the address changed", edits: []edit{seat, readdressed, marksEmail, of("uid-before-the-restore", adaEmail)}, accepted: true},
		{name: "without a status, while the address changed", edits: []edit{seat, readdressed, marksEmail, of(adaUID, adaEmail)}, accepted: true},
		{name: "marked with another address", edits: []edit{seat, readdressed, marksEmail, of(adaUID, "eve@acme.example")}, drop: true},

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
		{name: "without a signature", edits: []edit{seat, credentials(unsigned)}, invalid: "Secret usher-member-ada is not signed by Usher"},
		{name: "without a signature, accepted before", edits: []edit{acceptedBefore, seat, credentials(unsigned)}, invalid: "add the token key from there"},
		{name: "without a signature, at another address", edits: []edit{seat, credentials(unsigned, other)}, invalid: "is not signed"},
		{name: "without a signature, of a former member", edits: []edit{seat, credentials(unsigned, former), remembersUID("uid-former")}, invalid: "is not signed"},
		{name: "without a signature, being deleted", edits: []edit{deleting, credentials(unsigned)}},
		{name: "signed by a previous key", edits: []edit{seat, credentials(signed(creds.SignedBefore))}, accepted: true, again: true},
		{name: "signed by a previous key, immutable", edits: []edit{seat, credentials(signed(creds.SignedBefore), immutable)}, accepted: true},
		{name: "the keys cannot be read", edits: []edit{seat, acceptedBefore, credentials(signed(creds.Unchecked))}, accepted: true},
		{name: "the keys cannot be read, and it is disabled", edits: []edit{disabled, credentials(signed(creds.Unchecked))}},
		{name: "the address changed, and they are immutable", edits: []edit{active, readdressed, credentials(func(c *Credentials) { c.Email = adaEmail }, immutable)}, accepted: true},
		{name: "imported", edits: []edit{immediate, credentials(unsigned, password)}, takes: true},
		{name: "imported, without an address", edits: []edit{immediate, credentials(unsigned, password, func(c *Credentials) { c.Email = "" })}, takes: true},
		{name: "imported, at another address", edits: []edit{immediate, credentials(unsigned, password, other)}, invalid: "cannot be imported"},
		{name: "imported, without a password", edits: []edit{immediate, credentials(unsigned)}, invalid: "cannot be imported"},
		{name: "imported, immutable", edits: []edit{immediate, credentials(unsigned, password, immutable)}, invalid: "cannot be imported"},
		{name: "imported, while disabled", edits: []edit{immediate, disabled, credentials(unsigned, password)}},
		{name: "with a password, and invited", edits: []edit{seat, credentials(unsigned, password)}, invalid: "is not signed"},

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
			g.Expect(d.TakeOverCredentials).To(Equal(tt.takes), "TakeOverCredentials")
			g.Expect(d.SignAgain).To(Equal(tt.again), "SignAgain")
			says := conditions.Reason(d.Status.Conditions, ready)
			g.Expect(says == usherv1.ReasonCredentialsInvalid).To(Equal(tt.invalid != ""), says)
			if tt.invalid != "" {
				g.Expect(meta.FindStatusCondition(d.Status.Conditions, ready).Message).To(ContainSubstring(tt.invalid))
				g.Expect(d.Invite).To(BeFalse(), "Invite")
				g.Expect(d.Wake).To(Equal(now.Add(keysPause)), "the key may come back without an event")
			}
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

// The seat of a member whose token cannot be replaced does not wait for that for ever, and the Member says so.
func TestAnImmutableTokenKeepsNoSeat(t *testing.T) {
	g := NewWithT(t)
	o := with(observed(active, disabled), func(o *Observation) {
		o.Credentials.Immutable, o.Credentials.Problems = true, "it is immutable"
		o.Member.Status.State, o.Member.Status.DisabledAt = usherv1.ObservedDisabled, later(0)
	})
	d := Decide(o, now)
	g.Expect(d.RotateToken).To(BeFalse())
	g.Expect(d.Status.Seats[0].Held()).To(BeFalse())
	g.Expect(d.Status.CredentialsProblem).To(Equal("it is immutable"))
	g.Expect(meta.FindStatusCondition(d.Status.Conditions, ready).Message).To(HaveSuffix("; correct Secret usher-member-ada: it is immutable"))

	o = with(o, func(o *Observation) { o.Credentials.Recorded, o.Credentials.Problems = true, "" })
	o.Member.Status = d.Status
	g.Expect(Decide(o, now).Status.CredentialsProblem).To(Equal("it is immutable"), "only the metadata was read")
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
