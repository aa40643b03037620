// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/reason"
)

// describe makes s's conditions say what its other fields are.
//
//	Ready        Sent, Accepted, Revoked
//	Reconciling  Pending, Sending, and whatever the last link came to while a new one is asked for; RateLimited and
//	             RecipientLimited while a mail that could be sent waits for its turn
//	Stalled      Declined, Expired, Failed, no such Member
func describe(s *usherv1.InvitationStatus, o Observation, hold *Hold, now time.Time) {
	outlook, message := sentence(s, o, now)
	why := string(s.State)
	if o.Member == nil && s.State == usherv1.InvitationPending {
		why = usherv1.ReasonMemberNotFound
	}
	w := conditions.Writer{List: &s.Conditions, Generation: o.Invitation.Generation, Now: now}
	w.Set(usherv1.ConditionSent, s.SentAt != nil, why, "")
	w.Set(usherv1.ConditionAccepted, s.State == usherv1.InvitationAccepted, why, "")
	if hold != nil {
		outlook, why, message = conditions.Working, hold.Reason, waiting(reason.InvitationRow(hold.Reason), hold.Until)
	}
	w.SetReady(outlook, why, message)
}

func sentence(s *usherv1.InvitationStatus, o Observation, now time.Time) (conditions.Outlook, string) {
	if waitsForNewLink(s, o, now) {
		return conditions.Working, "A new link is asked for; it is sent as soon as the member has a seat and the mail server is ready"
	}
	switch s.State {
	case usherv1.InvitationSent:
		if s.MessageID == "" {
			return conditions.Done, "Nothing is mailed: the link is given to who may get it, and works until " + at(s.ExpiresAt)
		}
		message := "The mail server accepted the mail; the link works until " + at(s.ExpiresAt)
		if s.LastError != nil {
			message += fmt.Sprintf("; the last attempt at a reminder failed (%s, %s)", s.LastError.Class, s.LastError.Code)
		}
		return conditions.Done, message
	case usherv1.InvitationAccepted:
		return conditions.Done, "The invitee accepted"
	case usherv1.InvitationRevoked:
		return conditions.Done, "The invitation was taken back and its link is dead"
	case usherv1.InvitationDeclined:
		return conditions.Stuck, "The invitee declined; raise spec.sendGeneration to ask again"
	case usherv1.InvitationExpired:
		return conditions.Stuck, "Nobody answered until " + at(s.ExpiresAt) + "; raise spec.sendGeneration to ask again"
	case usherv1.InvitationFailed:
		return conditions.Stuck, Failed(s)
	case usherv1.InvitationSending:
		return conditions.Working, "The mail is being sent"
	}
	switch {
	case o.Member == nil:
		return conditions.Stuck, "There is no Member " + o.Invitation.Spec.MemberRef.Name + "; create it or delete this Invitation"
	case s.LastError != nil:
		return conditions.Working, fmt.Sprintf("The last attempt failed (%s, %s); the next is due at %s", s.LastError.Class, s.LastError.Code, at(s.NextAttemptAt))
	}
	return conditions.Working, "Waiting until the member has a seat and the mail server is ready"
}

// waitsForNewLink tells whether s is still about an earlier link than the one that is asked for.
func waitsForNewLink(s *usherv1.InvitationStatus, o Observation, now time.Time) bool {
	m := o.Member
	if m == nil || m.DeletionTimestamp != nil || m.Spec.State == usherv1.StateDisabled || m.Spec.Ended(now) || m.Status.AcceptedAt != nil || o.Answered ||
		s.State == usherv1.InvitationPending || s.State == usherv1.InvitationSending {
		return false
	}
	return Asked(&usherv1.Invitation{Spec: o.Invitation.Spec, Status: *s}, string(m.Spec.Email))
}

// Failed says why an invitation in state Failed did, and what to do.
func Failed(s *usherv1.InvitationStatus) string {
	if s.LastError != nil && s.LastError.Class == usherv1.ErrorPermanent {
		return fmt.Sprintf("The mail server refused the recipient for good (%s); correct the Member's email, or raise the Invitation's spec.sendGeneration to try again", s.LastError.Code)
	}
	return "No mail server took the mail in time; raise the Invitation's spec.sendGeneration to try again"
}

func at(t *metav1.Time) string {
	if t == nil {
		return "an unknown time"
	}
	return t.UTC().Format(time.RFC3339)
}
