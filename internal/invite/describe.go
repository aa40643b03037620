// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/reason"
)

// describe makes s's conditions say what its other fields are. It returns when they have to be set again; zero for never.
//
//	Ready        Sent, Accepted, Declined, Expired, Revoked
//	Reconciling  Sending, and Pending while Usher has something to do; RateLimited, RecipientLimited and QuotaReached while a mail that
//	             could be sent waits for a limit
//	Stalled      Failed, LinkInvalid, no such Member, an Invitation that the Member does not use
//
// An Invitation that waits for its Member is what the Member is. So is one whose last link has ended while a new one is asked for.
func describe(s *usherv1.InvitationStatus, o Observation, hold *delivery.Hold, now time.Time) time.Time {
	said := sentence(s, o, now)
	w := conditions.Writer{List: &s.Conditions, Generation: o.Invitation.Generation, Now: now}
	w.Set(usherv1.ConditionSent, s.SentAt != nil, said.Reason, "")
	w.Set(usherv1.ConditionAccepted, s.State == usherv1.InvitationAccepted, said.Reason, "")
	if hold != nil {
		said = saysLimited(hold)
	}
	return w.SetReady(said)
}

// sentence is what the Ready condition says, unless a limit on mails holds the Invitation up.
func sentence(s *usherv1.InvitationStatus, o Observation, now time.Time) conditions.Sentence {
	if waitsForNewLink(s, o, now) {
		return saysNewLinkWanted(s, waiting(s, o))
	}
	switch s.State {
	case usherv1.InvitationSent:
		if o.KeyLost {
			return saysLinkInvalid(o.Invitation)
		}
		return saysSent(s)
	case usherv1.InvitationAccepted:
		return saysAccepted()
	case usherv1.InvitationRevoked:
		return saysRevoked(o.Invitation)
	case usherv1.InvitationDeclined:
		return saysDeclined(o.Invitation)
	case usherv1.InvitationExpired:
		return saysExpired(o.Invitation, s)
	case usherv1.InvitationFailed:
		return saysFailed(o.Invitation, s)
	case usherv1.InvitationSending:
		if s.NextAttemptAt != nil && now.Before(s.NextAttemptAt.Time) { // otherwise the sender has died
			return saysSending()
		}
	}
	return waiting(s, o)
}

// waiting is what an Invitation says whose mail is not sent yet.
func waiting(s *usherv1.InvitationStatus, o Observation) conditions.Sentence {
	m := o.Member
	switch {
	case m == nil:
		return saysMemberNotFound(o.Invitation)
	case m.Status.InvitationRef != nil && m.Status.InvitationRef.Name != o.Invitation.Name:
		return saysNotUsed(m)
	case m.Status.ObservedGeneration != m.Generation || reason.OfMember(m).Reason == "":
		return saysMemberUndecided(s, m.Name)
	case !reason.OfMember(m).Invitable:
		return saysMemberWaits(s, m)
	case o.Account != nil && !deliveryReady(o.Account):
		return saysMailNotReady(s, o.Account)
	case s.LastError != nil && s.NextAttemptAt != nil:
		return saysTryingAgain(s)
	}
	return saysAboutToSend(s)
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
