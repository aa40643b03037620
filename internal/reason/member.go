// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reason

import (
	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
)

// members are the reasons of a Member's Ready condition.
var members = []Member{
	{
		Text: Text{
			Reason:  usherv1.ReasonInviting,
			Meaning: "the member has the seat that it needs, and no mail server has accepted its invitation yet",
			Action:  "Wait. If the Member is Stalled, do what its message says",
		},
		State: usherv1.ObservedPending, Outlook: conditions.Working, Custody: Taken, WaitsFor: Controller,
		// It is stuck if the name of its Invitation is taken. Without an invitation it takes its seat when it has credentials.
		OtherOutlook: []conditions.Outlook{conditions.Stuck}, OtherCustody: []Custody{Kept},
		Invitable: true,
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonAwaitingAcceptance,
			Meaning: "the mail server accepted the invitation, and its link works",
			Action:  "Wait for the invitee. To send another link, raise the Invitation's spec.sendGeneration",
		},
		State: usherv1.ObservedPending, Outlook: conditions.Done, Custody: Taken, WaitsFor: Invitee,
		OtherOutlook: []conditions.Outlook{conditions.Stuck}, // if the key of the link was rotated away
		Remindable:   true,
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonSeatUnavailable,
			Meaning: "every seat is claimed, and the member waits for one",
			Action:  "Add seats to the SeatPool, or disable a member that does not need its seat",
		},
		State: usherv1.ObservedPending, Outlook: conditions.Done, Custody: Taken, WaitsFor: Seat,
		OtherOutlook: []conditions.Outlook{conditions.Working}, // until the pool has said so
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonInvitationExpired,
			Meaning: "the invitee did not answer while the link worked",
			Action:  "Raise the Invitation's spec.sendGeneration to ask again",
		},
		State: usherv1.ObservedPending, Outlook: conditions.Done, Custody: Released, WaitsFor: Correction,
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonInvitationRevoked,
			Meaning: "the Invitation's spec.state is Revoked",
			Action:  "Set the Invitation's spec.state to Open and raise its spec.sendGeneration to ask again",
		},
		State: usherv1.ObservedPending, Outlook: conditions.Done, Custody: Released, WaitsFor: Correction,
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonInvitationDeclined,
			Meaning: "the invitee declined",
			Action:  "Raise the Invitation's spec.sendGeneration to ask again",
		},
		State: usherv1.ObservedPending, Outlook: conditions.Done, Custody: Released, WaitsFor: Correction,
	},
	{
		Text: Text{
			Reason: usherv1.ReasonMailRejected,
			Meaning: "the mail server refused the recipient permanently, or did not accept the mail within the ttl, or no mail can " +
				"go to the address",
			Action: "Correct the Member's spec.email, or raise the Invitation's spec.sendGeneration to try again",
		},
		State: usherv1.ObservedPending, Outlook: conditions.Stuck, Custody: Released, WaitsFor: Correction,
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonMailNotReady,
			Meaning: "there is no usable mail server",
			Action:  "Correct the Secret with the mail server's settings; see the Account's MailReady condition",
		},
		State: usherv1.ObservedPending, Outlook: conditions.Working, Custody: Taken, WaitsFor: MailServer,
		Invitable: true,
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonDuplicateEmail,
			Meaning: "another member of the account, who came first, has this address",
			Action:  "Correct spec.email of one of the two, or delete one",
		},
		State: usherv1.ObservedPending, Outlook: conditions.Stuck, Custody: Released, WaitsFor: Correction,
		Duplicate: true,
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonAccountNotFound,
			Meaning: "the Account that spec.accountRef names does not exist",
			Action:  "Create the Account",
		},
		State: usherv1.ObservedPending, Outlook: conditions.Stuck, Custody: Released, WaitsFor: Correction,
		Graced:     true,
		SeenByPool: true,
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonSeatPoolNotFound,
			Meaning: "a SeatPool that the member needs does not exist, or spec.seatPoolRefs does not say which one it is",
			Action:  "Create the SeatPool, or correct spec.seatPoolRefs",
		},
		State: usherv1.ObservedPending, Outlook: conditions.Stuck, Custody: Kept, WaitsFor: Correction,
		Graced: true,
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonPlanNotFound,
			Meaning: "the Plan that the account's planRef names does not exist",
			Action:  "Create the Plan, or correct the Account's spec.planRef",
		},
		State: usherv1.ObservedPending, Outlook: conditions.Stuck, Custody: Kept, WaitsFor: Correction,
		Graced:    true,
		KeepsSeat: true,
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonRoleNotInPlan,
			Meaning: "the account's plan has no such role",
			Action:  "Correct spec.role, or choose a plan that has the role",
		},
		State: usherv1.ObservedPending, Outlook: conditions.Stuck, Custody: Kept, WaitsFor: Correction,
		Graced:    true,
		KeepsSeat: true,
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonRightNotInPlan,
			Meaning: "the account's plan has no such right",
			Action:  "Correct spec.rights, or choose a plan that has the right",
		},
		State: usherv1.ObservedPending, Outlook: conditions.Stuck, Custody: Kept, WaitsFor: Correction,
		Graced:    true,
		KeepsSeat: true,
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonCredentialsInvalid,
			Meaning: "a Secret without a valid signature by Usher has the name of the member's credentials",
			Action: "Delete the Secret, or import it as the message says. If it comes from a backup or another cluster, add the token key from " +
				"there to the manager's token Secret",
		},
		State: usherv1.ObservedPending, Outlook: conditions.Stuck, Custody: Kept, WaitsFor: Correction,
		KeepsSeat: true,
	},
	{
		Text:  Text{Reason: usherv1.ReasonAccepted, Meaning: "the invitee accepted"},
		State: usherv1.ObservedActive, Outlook: conditions.Done, Custody: Taken,
	},
	{
		Text:  Text{Reason: usherv1.ReasonActivated, Meaning: "the member is Active without an invitation (activation: Immediate)"},
		State: usherv1.ObservedActive, Outlook: conditions.Done, Custody: Taken,
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonAddOnSeatUnavailable,
			Meaning: "the member has its base seat, and waits for an add-on's",
			Action:  "Add seats to the add-on's SeatPool, or take it out of spec.seatPoolRefs",
		},
		State: usherv1.ObservedActive, Outlook: conditions.Done, Custody: Taken, WaitsFor: Seat,
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonDisabledBySpec,
			Meaning: "spec.state is Disabled",
			Action:  "Set spec.state to Active to bring the member back",
		},
		State: usherv1.ObservedDisabled, Outlook: conditions.Done, Custody: Released,
		Own: true, SeenByPool: true,
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonAccountDisabled,
			Meaning: "the account's spec.state is Disabled",
			Action:  "Set the Account's spec.state to Active to bring its members back",
		},
		State: usherv1.ObservedDisabled, Outlook: conditions.Done, Custody: Kept,
		KeepsSeat: true,
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonAccessEnded,
			Meaning: "spec.accessUntil has passed",
			Action:  "Set spec.accessUntil to a later time, or remove it, to bring the member back",
		},
		State: usherv1.ObservedDisabled, Outlook: conditions.Done, Custody: Released,
		Own: true, Lasting: true,
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonDeleting,
			Meaning: "the object is being deleted, and Usher withdraws what it has given",
		},
		State: usherv1.ObservedDisabled, Outlook: conditions.Working, Custody: Released, WaitsFor: Controller,
		Own: true, SeenByPool: true,
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonDeletionBlocked,
			Meaning: "the object is being deleted, and still owns something that no other member takes over",
			Action:  "Set spec.reassignTo to an Active member of the account, or annotate the Member with " + usherv1.OrphanAnnotation + "=true",
		},
		State: usherv1.ObservedDisabled, Outlook: conditions.Stuck, Custody: Released, WaitsFor: Correction,
		Own: true, SeenByPool: true,
	},
	{
		Text: Text{
			Reason:  usherv1.ReasonAccountDeleting,
			Meaning: "the Account that spec.accountRef names is being deleted",
			Action:  "Delete the Member, too, or create the Account again once it is gone",
		},
		State: usherv1.ObservedPending, Outlook: conditions.Stuck, Custody: Released, WaitsFor: Correction,
		SeenByPool: true,
	},
}
