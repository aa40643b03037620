// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	creds "github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/moment"
)

// tokenIsOld reports whether the API token was not replaced since the Member was disabled.
func tokenIsOld(o Observation) bool {
	s := &o.Member.Status
	return s.State != usherv1.ObservedActive && s.DisabledAt != nil && !moment.Same(o.Credentials.TokenRotatedFor, s.DisabledAt.Time)
}

// judgeCredentials reports whether the Member has accepted, and decides what to do about credentials that say otherwise.
func (d *Decision) judgeCredentials(o Observation) bool {
	m, c := o.Member, o.Credentials
	switch {
	case m.DeletionTimestamp != nil:
		d.DropCredentials = c != nil && !o.acceptance().LeftAlone()
		return false
	case c == nil:
		return false
	}
	switch o.acceptance() {
	case creds.OfEarlierMember, creds.OfAnotherAddress:
		d.DropCredentials = true
		return false
	case creds.NotCredentials, creds.NotSigned:
		return false
	}
	d.keepUp(o)
	return true
}

// keepUp decides how credentials with which the Member has accepted are brought up to date. Nothing can change an immutable Secret: the
// seat of a disabled member does not wait for another API token then, and the Member says so.
func (d *Decision) keepUp(o Observation) {
	if o.Credentials.Immutable {
		return
	}
	d.MoveCredentials = o.acceptance() == creds.AcceptedAtFormerAddress && o.Member.Spec.Activation == usherv1.ActivateImmediately
	d.RotateToken = tokenIsOld(o)
	d.SignAgain = o.Credentials.Signature == creds.SignedBefore
}

// acceptance is what the credentials mean for the Member.
func (o Observation) acceptance() creds.Acceptance {
	return creds.AcceptanceOf(o.Credentials, o.Member, o.Account)
}

// importable reports whether credentials without a signature are taken over: they are of a member that needs no invitation, and have its
// password.
func (o Observation) importable() bool {
	c := o.Credentials
	return o.acceptance() == creds.NotSigned && o.Member.Spec.Activation == usherv1.ActivateImmediately && c.HasPassword && !c.Immutable &&
		(c.Email == "" || o.Member.Spec.Email.SameAs(usherv1.EmailAddress(c.Email)))
}
