// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/moment"
	"github.com/usher-dev/usher/internal/reason"
)

// worthTelling is the shortest wait that is written to the status: a shorter one is over before a user reads it.
const worthTelling = 5 * time.Second

// held delays the mail that is due, and reports whether a limit does so. What was sent before stays as it is.
func (p *Plan) held(o Observation, now time.Time) bool {
	h, s := o.Hold, &p.Status
	if h == nil {
		h = toldBefore(o, now)
	}
	if h == nil || !now.Before(h.Until) {
		return false
	}
	p.Wake = h.Until
	if Waits(&o.Invitation.Status) || h.Until.Sub(now) >= worthTelling {
		s.NextAttemptAt = moment.Ref(h.Until)
		p.told = h
	}
	return true
}

// toldNow returns the hold that the status of an Invitation in state Sending reports. The one that is known comes first: it may be that of
// another address than the one that the last mail went to, which is all that the status names.
func toldNow(o Observation, now time.Time) *delivery.Hold {
	s := &o.Invitation.Status
	if Waits(s) && o.Hold != nil && moment.Same(o.Hold.Until, s.NextAttemptAt.Time) {
		return o.Hold
	}
	return toldBefore(o, now)
}

// toldBefore returns the hold that the Invitation's status reports, as long as it lasts: it also holds after a restart, when no operator
// remembers it. A limit on one address does not hold for another address of the member. A quota holds only while it is remembered.
func toldBefore(o Observation, now time.Time) *delivery.Hold {
	s := &o.Invitation.Status
	if waitsForQuota(s) {
		if o.Hold != nil && moment.Same(o.Hold.Until, s.NextAttemptAt.Time) {
			return o.Hold
		}
		return nil
	}
	if !Waits(s) || lifted(o) || !clockOf(o, now).Awaits(s.NextAttemptAt, delivery.LongestWait) {
		return nil
	}
	why := reason.OfInvitation(s)
	h := &delivery.Hold{Until: s.NextAttemptAt.Time, Reason: why.Reason}
	if why.PerRecipient && !o.Member.Spec.Email.SameAs(usherv1.EmailAddress(s.Recipient)) {
		return nil
	}
	return h
}

// lifted reports whether the status reports a hold that does not delay the mail any more.
func lifted(o Observation) bool { return o.HoldLifted && Waits(&o.Invitation.Status) }

// waitsForQuota reports whether the account's quota delays the Invitation's mail.
func waitsForQuota(s *usherv1.InvitationStatus) bool {
	return Waits(s) && reason.OfInvitation(s).PerDay
}

// Waits reports whether a limit delays the Invitation's mail.
func Waits(s *usherv1.InvitationStatus) bool {
	return s.NextAttemptAt != nil && reason.OfInvitation(s).Limited
}
