// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reason

import usherv1 "github.com/usher-dev/usher/api/v1alpha1"

// invitations are the reasons of an Invitation's Ready condition: its states, and what keeps it from being sent.
var invitations = []Invitation{
	{Text: Text{Reason: string(usherv1.InvitationPending), Meaning: "the mail is not sent yet, or is to be sent again",
		Action: "Wait; the message says for what"}},
	{Text: Text{Reason: string(usherv1.InvitationSending), Meaning: "the mail is being sent"}},
	{Text: Text{Reason: string(usherv1.InvitationSent),
		Meaning: "the mail server accepted the mail, and the link works until status.expiresAt",
		Action:  "Wait for the invitee. To send another link, raise spec.sendGeneration"}},
	{Text: Text{Reason: string(usherv1.InvitationAccepted), Meaning: "the invitee accepted"}},
	{Text: Text{Reason: string(usherv1.InvitationDeclined), Meaning: "the invitee declined",
		Action: "Raise spec.sendGeneration to ask again"}},
	{Text: Text{Reason: string(usherv1.InvitationExpired), Meaning: "the invitee did not answer while the link worked",
		Action: "Raise spec.sendGeneration to ask again"}},
	{Text: Text{Reason: string(usherv1.InvitationRevoked), Meaning: "the invitation was revoked, and its link no longer works",
		Action: "To ask again, set spec.state to Open and raise spec.sendGeneration"}},
	{Text: Text{Reason: string(usherv1.InvitationFailed),
		Meaning: "the mail server refused the recipient permanently, or did not accept the mail within the ttl",
		Action:  "Correct the Member's spec.email, or raise spec.sendGeneration to try again"}},
	{Text: Text{Reason: usherv1.ReasonRateLimited,
		Meaning: "the mail server has had all the mails that the rateLimit in its Secret allows for now",
		Action:  "Wait until status.nextAttemptAt, or raise rateLimit in the Secret"}, Limited: true},
	{Text: Text{Reason: usherv1.ReasonRecipientLimited,
		Meaning: "the limit of mails to one recipient within an hour is reached",
		Action:  "Wait until status.nextAttemptAt"}, Limited: true, PerRecipient: true},
	{Text: Text{Reason: usherv1.ReasonQuotaReached,
		Meaning: "the account has sent as many mails through the platform's mail server as it may within a day",
		Action:  "Wait until status.nextAttemptAt, name an SMTP Secret of the account's own, or have the platform raise --mail-quota"},
		Limited: true, PerDay: true},
	{Text: Text{Reason: usherv1.ReasonLinkInvalid,
		Meaning: "the key that the link in the mail was made with is no longer among the token keys, so the link does not work",
		Action:  "Raise spec.sendGeneration to send another link, or restore the key in the token Secret"}, LinkInvalid: true},
	{Text: Text{Reason: usherv1.ReasonInvitationNotUsed, Meaning: "the Member is invited with another Invitation",
		Action: "Delete one of the two"}},
	{Text: Text{Reason: usherv1.ReasonMemberNotFound, Meaning: "the Member that spec.memberRef names does not exist",
		Action: "Create the Member, or delete the Invitation"}},
}
