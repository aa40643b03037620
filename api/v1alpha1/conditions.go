// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types. Ready is on every kind. Reconciling and Stalled follow kstatus: they are present only while they are
// True.
const (
	// ConditionReady means: Usher has done its part. A member who has not answered yet is Ready.
	ConditionReady = "Ready"
	// ConditionReconciling means: Usher is at work, or waits for something that happens without a user's action.
	ConditionReconciling = "Reconciling"
	// ConditionStalled means: nothing more happens until a user changes something; the message says what to change.
	ConditionStalled = "Stalled"

	// ConditionPending, ConditionActive and ConditionDisabled report the state of an Account or a Member; exactly one is
	// True.
	ConditionPending  = "Pending"
	ConditionActive   = "Active"
	ConditionDisabled = "Disabled"

	// ConditionSeatsAssigned on a Member means: the member holds a seat in every pool that it names.
	ConditionSeatsAssigned = "SeatsAssigned"

	// ConditionMailReady on an Account means: its SMTP Secret is usable and the mail server answered, or the account mails
	// nothing (delivery: Link).
	ConditionMailReady = "MailReady"

	// ConditionAccessReady on an Account means: Kubernetes RBAC and the account's password file grant its members what
	// their roles say.
	ConditionAccessReady = "AccessReady"

	// ConditionNoAdmin on an Account means: the account had an Active admin and has none now. It is present only while it
	// is True.
	ConditionNoAdmin = "NoAdmin"

	// ConditionDeletionBlocked on a Member means: the member is being deleted and owns something that no other member
	// takes over. It is present only while it is True.
	ConditionDeletionBlocked = "DeletionBlocked"

	// ConditionTemplatesReady on an Account that has templatesRef means: the account's own wording is used for every mail
	// that it has templates for. While it is False, mails whose templates have a mistake use Usher's own wording; no mail
	// waits for it.
	ConditionTemplatesReady = "TemplatesReady"

	// ConditionFull on a SeatPool means: every seat is claimed.
	ConditionFull = "Full"
	// ConditionOverCapacity on a SeatPool means: more seats are claimed than there are now.
	ConditionOverCapacity = "OverCapacity"

	// ConditionSent on an Invitation means: a mail server accepted the mail, or the link is available without a mail
	// (delivery: Link).
	ConditionSent = "Sent"
	// ConditionAccepted on an Invitation means: the invitee accepted.
	ConditionAccepted = "Accepted"
)

// Reasons of a Member's state. README.md shows how one follows another.
const (
	// ReasonInviting means: the member has a seat or needs none yet, and no mail server has accepted the mail so far.
	ReasonInviting = "Inviting"
	// ReasonAwaitingAcceptance means: the invitation was sent and its link works.
	ReasonAwaitingAcceptance = "AwaitingAcceptance"
	// ReasonSeatUnavailable means: every seat is claimed; the member waits for one.
	ReasonSeatUnavailable = "SeatUnavailable"
	// ReasonInvitationExpired means: the invitee did not answer within the ttl.
	ReasonInvitationExpired = "InvitationExpired"
	// ReasonInvitationRevoked means: the Invitation's spec.state is Revoked.
	ReasonInvitationRevoked = "InvitationRevoked"
	// ReasonInvitationDeclined means: the invitee declined.
	ReasonInvitationDeclined = "InvitationDeclined"
	// ReasonMailRejected means: the mail server permanently refused the recipient or the mail, or accepted no mail within
	// the ttl.
	ReasonMailRejected = "MailRejected"
	// ReasonMailNotReady means: there is no usable mail server, or the mail server did not take the mail because of its
	// configuration.
	ReasonMailNotReady = "MailNotReady"
	// ReasonDuplicateEmail means: an earlier member of the account has the same address.
	ReasonDuplicateEmail = "DuplicateEmail"
	// ReasonAccountNotFound means: the Account named by accountRef does not exist.
	ReasonAccountNotFound = "AccountNotFound"
	// ReasonSeatPoolNotFound means: a SeatPool that the member needs does not exist, or it is not clear which base pool is
	// meant.
	ReasonSeatPoolNotFound = "SeatPoolNotFound"
	// ReasonPlanNotFound means: the Plan named by the account's planRef does not exist. Accounts and SeatPools have this
	// reason too.
	ReasonPlanNotFound = "PlanNotFound"
	// ReasonRoleNotInPlan means: the account's plan has no such role.
	ReasonRoleNotInPlan = "RoleNotInPlan"
	// ReasonRightNotInPlan means: the account's plan has no such right.
	ReasonRightNotInPlan = "RightNotInPlan"
	// ReasonAccepted means: the invitee accepted.
	ReasonAccepted = "Accepted"
	// ReasonActivated means: the member is Active without an invitation (activation: Immediate).
	ReasonActivated = "Activated"
	// ReasonAddOnSeatUnavailable means: the member holds its base seat and still waits for a seat of an add-on.
	ReasonAddOnSeatUnavailable = "AddOnSeatUnavailable"
	// ReasonDisabledBySpec means: the object's own spec.state is Disabled. Accounts have this reason too.
	ReasonDisabledBySpec = "DisabledBySpec"
	// ReasonAccountDisabled means: the account's spec.state is Disabled.
	ReasonAccountDisabled = "AccountDisabled"
	// ReasonAccessEnded means: the member's spec.accessUntil has passed.
	ReasonAccessEnded = "AccessEnded"
	// ReasonAccessEnding means: an Event reports on the mail that announces the end of the member's access.
	ReasonAccessEnding = "AccessEnding"
	// ReasonDeleting means: the object is being deleted and Usher is cleaning up. SeatPools have this reason too.
	ReasonDeleting = "Deleting"
	// ReasonDeletionBlocked means: the member is being deleted and owns something that no other member takes over; see the
	// condition DeletionBlocked.
	ReasonDeletionBlocked = "DeletionBlocked"
	// ReasonSeatsHeld means: the member holds a seat in every pool that it names.
	ReasonSeatsHeld = "SeatsHeld"
)

// Reasons of an Account's MailReady condition.
const (
	// ReasonMailReady means: the mail server answered and accepts Usher's credentials.
	ReasonMailReady = "Ready"
	// ReasonSecretNotFound means: the SMTP Secret does not exist.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonSecretInvalid means: the SMTP Secret has a key that is missing, unknown or has an invalid value.
	ReasonSecretInvalid = "SecretInvalid"
	// ReasonServerUnreachable means: no mail server answered at the Secret's host and port.
	ReasonServerUnreachable = "ServerUnreachable"
	// ReasonTLSFailed means: no encrypted connection with a trusted certificate could be established.
	ReasonTLSFailed = "TLSFailed"
	// ReasonAuthFailed means: the mail server refused the credentials, the sender, or to relay the mail.
	ReasonAuthFailed = "AuthFailed"
	// ReasonNotConfigured means: the manager runs without --portal-url, so there is no link to send.
	ReasonNotConfigured = "NotConfigured"
	// ReasonLinkDelivery means: the account mails nothing (delivery: Link), so it needs no mail server.
	ReasonLinkDelivery = "LinkDelivery"
)

// Reasons of an Account's AccessReady condition.
const (
	// ReasonAccessUpToDate means: roles, bindings and the password file are as they should be.
	ReasonAccessUpToDate = "UpToDate"
	// ReasonBindForbidden means: Usher may not bind a ClusterRole that the plan names, or may not write roles. Everything
	// else works, so the Account is Ready.
	ReasonBindForbidden = "BindForbidden"
	// ReasonNameTaken means: an object that does not belong to Usher has the name of one that Usher would create.
	ReasonNameTaken = "NameTaken"
	// ReasonPasswordFileFull means: the password file would exceed the 1 MiB limit of a Secret, so some members are
	// missing from it.
	ReasonPasswordFileFull = "PasswordFileFull"
)

// Reasons of an Account's TemplatesReady condition.
const (
	// ReasonTemplatesReady means: every template of the ConfigMap is used.
	ReasonTemplatesReady = "Ready"
	// ReasonConfigMapNotFound means: the ConfigMap named by templatesRef does not exist.
	ReasonConfigMapNotFound = "ConfigMapNotFound"
	// ReasonTemplateInvalid means: at least one template has a mistake; the message names the key and the line.
	ReasonTemplateInvalid = "TemplateInvalid"
)

// Reasons of a Member's DeletionBlocked condition, and of the Event that reports its end.
const (
	// ReasonOwnsResources means: the member owns something, and spec.reassignTo is not set.
	ReasonOwnsResources = "OwnsResources"
	// ReasonReassignToNotActive means: spec.reassignTo does not name another Active member of the same account.
	ReasonReassignToNotActive = "ReassignToNotActive"
	// ReasonKindNotFound means: the API server does not serve a kind that the plan names.
	ReasonKindNotFound = "KindNotFound"
	// ReasonOwnershipForbidden means: Usher may not list or patch a kind that the plan names.
	ReasonOwnershipForbidden = "OwnershipForbidden"
	// ReasonReassigned means: another member now owns what the deleted member owned.
	ReasonReassigned = "Reassigned"
)

// ReasonTokenRotated means: the member's API token was replaced because the member was disabled. It is the reason of an
// Event.
const ReasonTokenRotated = "TokenRotated"

// Reasons of an Account's state.
const (
	// ReasonNoActiveMember means: no member of the account is Active.
	ReasonNoActiveMember = "NoActiveMember"
	// ReasonMemberActive means: at least one member of the account is Active.
	ReasonMemberActive = "MemberActive"
	// ReasonMailProbing means: Usher is testing the mail server.
	ReasonMailProbing = "MailProbing"
	// ReasonLastAdminLost means: the account's last Active admin was deleted, disabled or demoted.
	ReasonLastAdminLost = "LastAdminLost"
	// ReasonUpToDate means: the status describes the object's current spec. Plans have this reason too.
	ReasonUpToDate = "UpToDate"
)

// Reasons of a SeatPool's conditions.
const (
	// ReasonSeatsAvailable means: at least one seat is not claimed.
	ReasonSeatsAvailable = "SeatsAvailable"
	// ReasonAllSeatsTaken means: every seat is claimed.
	ReasonAllSeatsTaken = "AllSeatsClaimed"
	// ReasonWithinCapacity means: no more seats are claimed than there are.
	ReasonWithinCapacity = "WithinCapacity"
	// ReasonSeatsReduced means: the number of seats fell below the number of claims.
	ReasonSeatsReduced = "SeatsReduced"
	// ReasonLedgerCurrent means: the ledger is up to date and every seat in spec.seats counts.
	ReasonLedgerCurrent = "LedgerCurrent"
	// ReasonPurchaseNotAllowed means: spec.seats is above 0 and the plan sells no seats; they do not count.
	ReasonPurchaseNotAllowed = "PurchaseNotAllowed"
	// ReasonAboveMaximum means: spec.seats is more than the plan sells; the seats above the maximum do not count.
	ReasonAboveMaximum = "AboveMaximum"
	// ReasonSeatsUnassigned means: the plan sells seats only while all are assigned; the new seats count as soon as all
	// others are.
	ReasonSeatsUnassigned = "SeatsUnassigned"
	// ReasonAddOnNotInPlan means: the account's plan has no such add-on. No seat of a SeatPool for it counts; an Account
	// that lists it is Stalled.
	ReasonAddOnNotInPlan = "AddOnNotInPlan"
	// ReasonAddOnNotInAccount means: the account does not list the add-on in spec.addOns, so no seat of the pool counts.
	ReasonAddOnNotInAccount = "AddOnNotInAccount"
)

// Reasons of an Invitation whose mail could be sent and waits for a rate limit, until status.nextAttemptAt.
const (
	// ReasonRateLimited means: the mail server has received as many mails in this minute as the rateLimit in its Secret
	// allows.
	ReasonRateLimited = "RateLimited"
	// ReasonRecipientLimited means: the address has received as many mails in this hour as Usher sends to one address.
	ReasonRecipientLimited = "RecipientLimited"
)

// Reasons of an Invitation's Events about reminders.
const (
	// ReasonReminded means: a mail server accepted a reminder.
	ReasonReminded = "Reminded"
	// ReasonReminderFailed means: an attempt to send a reminder failed.
	ReasonReminderFailed = "ReminderFailed"
)

// ReasonMemberNotFound means: the Member named by the Invitation's memberRef does not exist.
const ReasonMemberNotFound = "MemberNotFound"
