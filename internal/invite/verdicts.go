// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/reason"
)

// Each sentence that an Invitation's Ready condition can say is one of the functions below.

// saysNewLinkWanted: the state is still that of the last link.
func saysNewLinkWanted(s *usherv1.InvitationStatus) conditions.Sentence {
	return conditions.Sentence{
		Outlook: conditions.Working, Reason: string(s.State),
		Message: "A new link is asked for; it is sent as soon as the member has a seat and the mail server is ready",
	}
}

// saysSent also reports a reminder that failed. A link that is not mailed is given to the person who may have it.
func saysSent(s *usherv1.InvitationStatus) conditions.Sentence {
	said := conditions.Sentence{
		Outlook: conditions.Done, Reason: string(usherv1.InvitationSent),
		Message: "The mail server accepted the mail; the link works until " + at(s.ExpiresAt),
	}
	switch {
	case s.MessageID == "":
		said.Message = "Nothing is mailed: the link is handed over instead, and works until " + at(s.ExpiresAt)
	case s.LastError != nil:
		said.Message += fmt.Sprintf("; the last attempt at a reminder failed (%s, %s)", s.LastError.Class, s.LastError.Code)
	}
	return said
}

func saysAccepted() conditions.Sentence {
	return conditions.Sentence{Outlook: conditions.Done, Reason: string(usherv1.InvitationAccepted), Message: "The invitee accepted"}
}

func saysRevoked() conditions.Sentence {
	return conditions.Sentence{
		Outlook: conditions.Done, Reason: string(usherv1.InvitationRevoked),
		Message: "The invitation was taken back and its link is dead",
	}
}

func saysDeclined() conditions.Sentence {
	return conditions.Sentence{
		Outlook: conditions.Stuck, Reason: string(usherv1.InvitationDeclined),
		Message: "The invitee declined; raise spec.sendGeneration to ask again",
	}
}

func saysExpired(s *usherv1.InvitationStatus) conditions.Sentence {
	return conditions.Sentence{
		Outlook: conditions.Stuck, Reason: string(usherv1.InvitationExpired),
		Message: "The invitee did not answer until " + at(s.ExpiresAt) + "; raise spec.sendGeneration to ask again",
	}
}

func saysFailed(s *usherv1.InvitationStatus) conditions.Sentence {
	return conditions.Sentence{Outlook: conditions.Stuck, Reason: string(usherv1.InvitationFailed), Message: Failed(s)}
}

func saysSending() conditions.Sentence {
	return conditions.Sentence{Outlook: conditions.Working, Reason: string(usherv1.InvitationSending), Message: "The mail is being sent"}
}

func saysMemberNotFound(inv *usherv1.Invitation) conditions.Sentence {
	return conditions.Sentence{
		Outlook: conditions.Stuck, Reason: usherv1.ReasonMemberNotFound,
		Message: "There is no Member " + inv.Spec.MemberRef.Name + "; create it or delete this Invitation",
	}
}

func saysTryingAgain(s *usherv1.InvitationStatus) conditions.Sentence {
	return conditions.Sentence{
		Outlook: conditions.Working, Reason: string(s.State),
		Message: fmt.Sprintf("The last attempt failed (%s, %s); the next is due at %s",
			s.LastError.Class, s.LastError.Code, at(s.NextAttemptAt)),
	}
}

func saysWaiting(s *usherv1.InvitationStatus) conditions.Sentence {
	return conditions.Sentence{
		Outlook: conditions.Working, Reason: string(s.State),
		Message: "Waiting until the member has a seat and the mail server is ready",
	}
}

// saysLimited: the mail could be sent, and a limit on mails holds it up.
func saysLimited(h *delivery.Hold) conditions.Sentence {
	return conditions.Sentence{
		Outlook: conditions.Working, Reason: h.Reason,
		Message: waiting(reason.InvitationRow(h.Reason), h.Until),
	}
}

// Failed says why an invitation in state Failed did, and what to do.
func Failed(s *usherv1.InvitationStatus) string {
	if s.LastError != nil && s.LastError.Class == usherv1.ErrorPermanent {
		return fmt.Sprintf("The mail server refused the recipient for good (%s); correct the Member's email, "+
			"or raise the Invitation's spec.sendGeneration to try again", s.LastError.Code)
	}
	return "No mail server took the mail in time; raise the Invitation's spec.sendGeneration to try again"
}

// Waiting says what the Invitation's mail waits for, and until when; see Waits.
func Waiting(s *usherv1.InvitationStatus) string {
	return waiting(reason.OfInvitation(s), s.NextAttemptAt.Time)
}

func waiting(why reason.Invitation, until time.Time) string {
	if why.PerRecipient {
		return fmt.Sprintf("This address got %d mails within an hour, which is the limit for one recipient; the next goes out at %s",
			delivery.MailsPerRecipient, until.UTC().Format(time.RFC3339))
	}
	return "The mail server has had all the mails that the rateLimit in its Secret allows for now; this one goes out at " +
		until.UTC().Format(time.RFC3339)
}

func at(t *metav1.Time) string {
	if t == nil {
		return "an unknown time"
	}
	return t.UTC().Format(time.RFC3339)
}
