// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
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
	h := &Hold{Until: s.NextAttemptAt.Time, Reason: conditions.Reason(s.Conditions, usherv1.ConditionReady)}
	if h.Reason == usherv1.ReasonRecipientLimited && !o.Member.Spec.Email.SameAs(usherv1.EmailAddress(s.Recipient)) {
		return nil
	}
	return h
}

// Waits tells whether the Invitation's mail waits for its turn.
func Waits(s *usherv1.InvitationStatus) bool {
	reason := conditions.Reason(s.Conditions, usherv1.ConditionReady)
	return s.NextAttemptAt != nil && (reason == usherv1.ReasonRateLimited || reason == usherv1.ReasonRecipientLimited)
}

// Waiting says what a mail waits for, and until when.
func Waiting(reason string, until time.Time) string {
	if reason == usherv1.ReasonRecipientLimited {
		return fmt.Sprintf("This address got %d mails within an hour, which is all that anybody gets; the next goes out at %s",
			MailsPerRecipient, until.UTC().Format(time.RFC3339))
	}
	return "The mail server has had all the mails that the rateLimit in its Secret allows for now; this one's turn is at " +
		until.UTC().Format(time.RFC3339)
}
