// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/delivery"
)

// describe makes s's conditions say what its other fields are.
//
//	Ready        Sent, Accepted, Revoked
//	Reconciling  Pending, Sending, and whatever the last link came to while a new one is asked for; RateLimited and
//	             RecipientLimited while a mail that could be sent waits for a limit
//	Stalled      Declined, Expired, Failed, no such Member
func describe(s *usherv1.InvitationStatus, o Observation, hold *delivery.Hold, now time.Time) {
	said := sentence(s, o, now)
	w := conditions.Writer{List: &s.Conditions, Generation: o.Invitation.Generation, Now: now}
	w.Set(usherv1.ConditionSent, s.SentAt != nil, said.Reason, "")
	w.Set(usherv1.ConditionAccepted, s.State == usherv1.InvitationAccepted, said.Reason, "")
	if hold != nil {
		said = saysLimited(hold)
	}
	w.SetReady(said)
}

// sentence is what the Ready condition says, unless a limit on mails holds the Invitation up.
func sentence(s *usherv1.InvitationStatus, o Observation, now time.Time) conditions.Sentence {
	if waitsForNewLink(s, o, now) {
		return saysNewLinkWanted(s)
	}
	switch s.State {
	case usherv1.InvitationSent:
		return saysSent(s)
	case usherv1.InvitationAccepted:
		return saysAccepted()
	case usherv1.InvitationRevoked:
		return saysRevoked()
	case usherv1.InvitationDeclined:
		return saysDeclined()
	case usherv1.InvitationExpired:
		return saysExpired(s)
	case usherv1.InvitationFailed:
		return saysFailed(s)
	case usherv1.InvitationSending:
		return saysSending()
	}
	switch {
	case o.Member == nil:
		return saysMemberNotFound(o.Invitation)
	case s.LastError != nil:
		return saysTryingAgain(s)
	}
	return saysWaiting(s)
}

// waitsForNewLink reports whether s is still about an earlier link than the one that is asked for.
func waitsForNewLink(s *usherv1.InvitationStatus, o Observation, now time.Time) bool {
	m := o.Member
	switch {
	case m == nil || isOut(m, now):
		return false
	case m.Status.AcceptedAt != nil || o.Answered:
		return false
	case s.State == usherv1.InvitationPending || s.State == usherv1.InvitationSending:
		return false
	}
	return Asked(&usherv1.Invitation{Spec: o.Invitation.Spec, Status: *s}, string(m.Spec.Email))
}
