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

// Nobody is sent more than MailsPerRecipient mails within RecipientWindow, by whomever: what a resend loop does to somebody's inbox
// is done by a few accounts as well.
const (
	MailsPerRecipient = 5
	RecipientWindow   = time.Hour
)

// worthTelling is how long a wait must be to be written down: a shorter one is over before anybody reads it.
const worthTelling = 5 * time.Second

// Hold is what a mail has to wait for, although it could be sent.
type Hold struct {
	// Until is when to try again, in whole seconds.
	Until time.Time
	// Reason: usherv1.ReasonRateLimited or usherv1.ReasonRecipientLimited.
	Reason string
}

// held has the mail that is due wait, if anything holds it. What was sent before stays as it is.
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

// toldBefore is the hold that the Invitation's status tells of, as long as it lasts: it holds also where nobody remembers having
// told it, as after a restart. Another address of the member is none of its business.
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

// Waits reports whether the Invitation's mail waits for its turn.
func Waits(s *usherv1.InvitationStatus) bool {
	return s.NextAttemptAt != nil && reason.OfInvitation(s).Limited
}
