// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/reason"
)

// A recipient gets at most MailsPerRecipient mails within RecipientWindow, from all accounts together: a few accounts can fill an inbox
// as a resend loop does.
const (
	MailsPerRecipient = 5
	RecipientWindow   = time.Hour
)

// worthTelling is the shortest wait that is written to the status: a shorter one is over before a user reads it.
const worthTelling = 5 * time.Second

// Hold is a limit that delays a mail that could be sent.
type Hold struct {
	// Until is when to try again, in whole seconds.
	Until time.Time
	// Reason: usherv1.ReasonRateLimited or usherv1.ReasonRecipientLimited.
	Reason string
}

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
		s.NextAttemptAt = &metav1.Time{Time: h.Until}
		p.told = h
	}
	return true
}

// toldBefore returns the hold that the Invitation's status reports, as long as it lasts: it also holds after a restart, when no operator
// remembers it. A limit on one address does not hold for another address of the member.
func toldBefore(o Observation, now time.Time) *Hold {
	s := &o.Invitation.Status
	if !Waits(s) || !now.Before(s.NextAttemptAt.Time) {
		return nil
	}
	why := reason.OfInvitation(s)
	h := &Hold{Until: s.NextAttemptAt.Time, Reason: why.Reason}
	if why.PerRecipient && !strings.EqualFold(s.Recipient, string(o.Member.Spec.Email)) {
		return nil
	}
	return h
}

// Waits reports whether a limit delays the Invitation's mail.
func Waits(s *usherv1.InvitationStatus) bool {
	return s.NextAttemptAt != nil && reason.OfInvitation(s).Limited
}
