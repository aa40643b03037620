// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/reason"
)

// Each sentence that an Invitation's Ready condition can say is one of the functions below.

// saysNewLinkWanted: the state is still that of the last link. cause is what the new one waits for.
func saysNewLinkWanted(s *usherv1.InvitationStatus, cause conditions.Sentence) conditions.Sentence {
	cause.Reason = string(s.State)
	cause.Message = "A new link is asked for. " + cause.Message
	return cause
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

func saysLinkInvalid(inv *usherv1.Invitation) conditions.Sentence {
	return conditions.Sentence{Outlook: conditions.Stuck, Reason: usherv1.ReasonLinkInvalid, Message: LinkInvalid(inv)}
}

func saysAccepted() conditions.Sentence {
	return conditions.Sentence{Outlook: conditions.Done, Reason: string(usherv1.InvitationAccepted), Message: "The invitee accepted"}
}

func saysRevoked(inv *usherv1.Invitation) conditions.Sentence {
	said := conditions.Sentence{
		Outlook: conditions.Done, Reason: string(usherv1.InvitationRevoked),
		Message: "The invitation was revoked, and its link no longer works",
	}
	if inv.Spec.State == usherv1.InvitationRevokedWish {
		said.Message += "; to ask again: " + HowToAskAgain(inv)
	}
	return said
}

func saysDeclined(inv *usherv1.Invitation) conditions.Sentence {
	return conditions.Sentence{
		Outlook: conditions.Done, Reason: string(usherv1.InvitationDeclined),
		Message: "The invitee declined; to ask again: " + HowToAskAgain(inv),
	}
}

func saysExpired(inv *usherv1.Invitation, s *usherv1.InvitationStatus) conditions.Sentence {
	return conditions.Sentence{
		Outlook: conditions.Done, Reason: string(usherv1.InvitationExpired),
		Message: "The invitee did not answer until " + at(s.ExpiresAt) + "; to ask again: " + HowToAskAgain(inv),
	}
}

func saysFailed(inv *usherv1.Invitation, s *usherv1.InvitationStatus) conditions.Sentence {
	return conditions.Sentence{Outlook: conditions.Stuck, Reason: string(usherv1.InvitationFailed), Message: whyFailed(inv, s)}
}

func saysSending() conditions.Sentence {
	return conditions.Sentence{Outlook: conditions.Working, Reason: string(usherv1.InvitationSending), Message: "The mail is being sent"}
}

func saysMemberNotFound(inv *usherv1.Invitation) conditions.Sentence {
	return conditions.Sentence{
		Outlook: conditions.Stuck, Reason: usherv1.ReasonMemberNotFound, Graced: true,
		Message: "There is no Member " + inv.Spec.MemberRef.Name + "; create it or delete this Invitation",
	}
}

// saysNotUsed: nothing will ever be sent for this Invitation.
func saysNotUsed(member *usherv1.Member) conditions.Sentence {
	return conditions.Sentence{
		Outlook: conditions.Stuck, Reason: usherv1.ReasonInvitationNotUsed,
		Message: fmt.Sprintf("Member %s is invited with Invitation %s; delete this one, or that one to use this", member.Name,
			member.Status.InvitationRef.Name),
	}
}

func saysTryingAgain(s *usherv1.InvitationStatus) conditions.Sentence {
	return conditions.Sentence{Outlook: conditions.Working, Reason: string(s.State), Message: Delayed(s)}
}

// saysMemberUndecided: the Member's status does not say yet whether it is to be invited.
func saysMemberUndecided(s *usherv1.InvitationStatus, member string) conditions.Sentence {
	return conditions.Sentence{
		Outlook: conditions.Working, Reason: string(s.State),
		Message: "Waiting until Member " + member + " is reconciled",
	}
}

// saysMemberWaits: the Member is not to be invited, for what its Ready condition says. What that means to the Member, it means to its
// Invitation.
func saysMemberWaits(s *usherv1.InvitationStatus, member *usherv1.Member) conditions.Sentence {
	said := conditions.Sentence{Outlook: conditions.Done, Reason: string(s.State)}
	switch {
	case meta.IsStatusConditionTrue(member.Status.Conditions, usherv1.ConditionStalled):
		said.Outlook = conditions.Stuck
	case meta.IsStatusConditionTrue(member.Status.Conditions, usherv1.ConditionReconciling):
		said.Outlook = conditions.Working
	}
	said.Message = "Member " + member.Name + " is not invited now"
	if ready := meta.FindStatusCondition(member.Status.Conditions, usherv1.ConditionReady); ready != nil {
		said.Message += fmt.Sprintf(" (%s): %s", ready.Reason, ready.Message)
	}
	return said
}

func saysMailNotReady(s *usherv1.InvitationStatus, account *usherv1.Account) conditions.Sentence {
	said := conditions.Sentence{Outlook: conditions.Working, Reason: string(s.State), Message: "Waiting for the first test of the mail server"}
	mail := meta.FindStatusCondition(account.Status.Conditions, usherv1.ConditionMailReady)
	if mail != nil && mail.Status == metav1.ConditionFalse {
		said.Message = fmt.Sprintf("No mail can be sent (%s): %s", mail.Reason, mail.Message)
	}
	return said
}

func saysAboutToSend(s *usherv1.InvitationStatus) conditions.Sentence {
	return conditions.Sentence{Outlook: conditions.Working, Reason: string(s.State), Message: "The mail is about to be sent"}
}

// saysLimited: the mail could be sent, and a limit on mails holds it up.
func saysLimited(h *delivery.Hold) conditions.Sentence {
	return conditions.Sentence{
		Outlook: conditions.Working, Reason: h.Reason,
		Message: limited(reason.InvitationRow(h.Reason), h.Until),
	}
}

// LinkInvalid says why the link of an Invitation does not work, and what to do.
func LinkInvalid(inv *usherv1.Invitation) string {
	return "The link in the mail does not work any more, since its key was removed from the token Secret; to send another: " +
		HowToAskAgain(inv)
}

// Failed says why an Invitation in state Failed did, and what to do.
func Failed(inv *usherv1.Invitation) string { return whyFailed(inv, &inv.Status) }

func whyFailed(inv *usherv1.Invitation, s *usherv1.InvitationStatus) string {
	switch {
	case s.LastError != nil && s.LastError.Class == usherv1.ErrorPermanent:
		what := "The mail server refused the recipient permanently"
		if !isReply(s.LastError) {
			what = "No mail can be sent to the recipient's address"
		}
		return fmt.Sprintf("%s (%s); correct the Member's spec.email, or to try again: %s", what, s.LastError.Code, HowToAskAgain(inv))
	case s.LastError != nil:
		return fmt.Sprintf("No attempt to send the mail succeeded in time, the last one failed (%s, %s); to try again: %s",
			s.LastError.Class, s.LastError.Code, HowToAskAgain(inv))
	}
	return "The mail could not be sent in time; to try again: " + HowToAskAgain(inv)
}

// Delayed says how the last attempt failed, and when the next one is due.
func Delayed(s *usherv1.InvitationStatus) string {
	if s.LastError.Class == usherv1.ErrorPermanent {
		return fmt.Sprintf("The mail server refused the mail (%s), and it is not clear that the recipient is the cause; it is asked again at %s",
			s.LastError.Code, at(s.NextAttemptAt))
	}
	if s.LastError.Class == usherv1.ErrorTemporary && isReply(s.LastError) {
		return fmt.Sprintf("The mail server asked to try again later (%s); the next attempt is due at %s", s.LastError.Code, at(s.NextAttemptAt))
	}
	return fmt.Sprintf("The last attempt failed (%s, %s); the next is due at %s", s.LastError.Class, s.LastError.Code, at(s.NextAttemptAt))
}

// isReply reports whether an error is a mail server's reply, which has a reply code (RFC 5321 section 4.2), and not one that Usher found
// without asking the server.
func isReply(e *usherv1.SendError) bool { return e.Code != "" && e.Code[0] >= '2' && e.Code[0] <= '5' }

// HowToAskAgain is the command that has another link sent, from whatever state.
func HowToAskAgain(inv *usherv1.Invitation) string {
	state := ""
	if inv.Spec.State == usherv1.InvitationRevokedWish {
		state = `"state":"Open",`
	}
	return fmt.Sprintf(`kubectl patch invitation %s -n %s --type=merge -p '{"spec":{%s"sendGeneration":%d}}'`,
		inv.Name, inv.Namespace, state, max(inv.Spec.SendGeneration, inv.Status.SendGeneration)+1)
}

// Waiting says what the Invitation's mail waits for, and until when; see Waits.
func Waiting(s *usherv1.InvitationStatus) string {
	return limited(reason.OfInvitation(s), s.NextAttemptAt.Time)
}

func limited(why reason.Invitation, until time.Time) string {
	if why.PerRecipient {
		return fmt.Sprintf("The limit for one recipient, %d mails within an hour, is reached; the next mail to this address goes out at %s",
			delivery.MailsPerRecipient, until.UTC().Format(time.RFC3339))
	}
	if why.PerDay {
		return "The account has sent as many mails through the platform's mail server as it may within a day; this one goes out at " +
			until.UTC().Format(time.RFC3339) + ", or at once if the account has a mail server of its own (spec.mail.secretRef)"
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
