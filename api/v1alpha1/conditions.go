// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types. Ready is on every kind; Reconciling and Stalled follow kstatus and are there only while they are true.
const (
	// ConditionReady means: Usher has done its part. A member who has not answered yet is Ready.
	ConditionReady = "Ready"
	// ConditionReconciling means: Usher is at work, or waits for something that comes by itself.
	ConditionReconciling = "Reconciling"
	// ConditionStalled means: nothing more happens until somebody changes something; the message says what.
	ConditionStalled = "Stalled"

	// ConditionPending, ConditionActive and ConditionDisabled tell the state of an Account or a Member; exactly one is True.
	ConditionPending  = "Pending"
	ConditionActive   = "Active"
	ConditionDisabled = "Disabled"

	// ConditionSeatsAssigned on a Member: it holds a seat in every pool that it names.
	ConditionSeatsAssigned = "SeatsAssigned"

	// ConditionMailReady on an Account: its SMTP Secret is usable and the server answered.
	ConditionMailReady = "MailReady"

	// ConditionAccessReady on an Account: its members have in Kubernetes RBAC what their roles say.
	ConditionAccessReady = "AccessReady"

	// ConditionNoAdmin on an Account that had an Active admin: it has none any more. It is there only while true.
	ConditionNoAdmin = "NoAdmin"

	// ConditionDeletionBlocked on a Member that is being deleted: it owns something that nobody was named for. It is there
	// only while true.
	ConditionDeletionBlocked = "DeletionBlocked"

	// ConditionTemplatesReady on an Account that has templatesRef: its own wording is used for every mail that it has templates for.
	// Where it is False, mails with a mistake are Usher's own; nothing waits for it.
	ConditionTemplatesReady = "TemplatesReady"

	// ConditionFull on a SeatPool: every seat is claimed.
	ConditionFull = "Full"
	// ConditionOverCapacity on a SeatPool: more seats are claimed than there are now.
	ConditionOverCapacity = "OverCapacity"

	// ConditionSent on an Invitation: a mail server accepted the mail.
	ConditionSent = "Sent"
	// ConditionAccepted on an Invitation: the invitee accepted.
	ConditionAccepted = "Accepted"
)

// Reasons of a Member's state; README.md draws how one follows another.
const (
	// ReasonInviting means: has a seat or needs none yet, and no mail server has accepted the mail so far.
	ReasonInviting = "Inviting"
	// ReasonAwaitingAcceptance means: the mail was accepted by the server and its link is alive.
	ReasonAwaitingAcceptance = "AwaitingAcceptance"
	// ReasonSeatUnavailable means: every seat is claimed; the member waits in line.
	ReasonSeatUnavailable = "SeatUnavailable"
	// ReasonInvitationExpired means: nobody answered within the ttl.
	ReasonInvitationExpired = "InvitationExpired"
	// ReasonInvitationRevoked means: somebody set the Invitation's spec.state to Revoked.
	ReasonInvitationRevoked = "InvitationRevoked"
	// ReasonInvitationDeclined means: the invitee declined.
	ReasonInvitationDeclined = "InvitationDeclined"
	// ReasonMailRejected means: the mail server refused this recipient for good, or never took the mail within the ttl.
	ReasonMailRejected = "MailRejected"
	// ReasonMailNotReady means: there is no usable mail server.
	ReasonMailNotReady = "MailNotReady"
	// ReasonDuplicateEmail means: another member of the account, who came first, has this address.
	ReasonDuplicateEmail = "DuplicateEmail"
	// ReasonAccountNotFound means: the Account named by accountRef is not there.
	ReasonAccountNotFound = "AccountNotFound"
	// ReasonSeatPoolNotFound means: the base SeatPool is not there, or it is not clear which one is meant.
	ReasonSeatPoolNotFound = "SeatPoolNotFound"
	// ReasonPlanNotFound means: the Plan named by the account's planRef is not there.
	ReasonPlanNotFound = "PlanNotFound"
	// ReasonRoleNotInPlan means: the account's plan has no such role.
	ReasonRoleNotInPlan = "RoleNotInPlan"
	// ReasonRightNotInPlan means: the account's plan has no such right.
	ReasonRightNotInPlan = "RightNotInPlan"
	// ReasonAccepted means: the invitee accepted.
	ReasonAccepted = "Accepted"
	// ReasonActivated means: active without an invitation (activation: Immediate).
	ReasonActivated = "Activated"
	// ReasonAddOnSeatUnavailable means: the base seat is held and an add-on's is missing.
	ReasonAddOnSeatUnavailable = "AddOnSeatUnavailable"
	// ReasonDisabledBySpec means: the member's spec.state is Disabled.
	ReasonDisabledBySpec = "DisabledBySpec"
	// ReasonAccountDisabled means: the account's spec.state is Disabled.
	ReasonAccountDisabled = "AccountDisabled"
	// ReasonAccessEnded means: the member's spec.accessUntil has passed.
	ReasonAccessEnded = "AccessEnded"
	// ReasonAccessEnding is the reason of Events that tell of the announcement of an end.
	ReasonAccessEnding = "AccessEnding"
	// ReasonDeleting means: the object is being deleted and Usher is tidying up.
	ReasonDeleting = "Deleting"
	// ReasonDeletionBlocked means: the object is being deleted, and owns something that nobody takes over; see DeletionBlocked.
	ReasonDeletionBlocked = "DeletionBlocked"
	// ReasonSeatsHeld means: a seat is held in every pool.
	ReasonSeatsHeld = "SeatsHeld"
)

// Reasons of an Account's MailReady condition.
const (
	ReasonMailReady         = "Ready"
	ReasonSecretNotFound    = "SecretNotFound"
	ReasonSecretInvalid     = "SecretInvalid"
	ReasonServerUnreachable = "ServerUnreachable"
	ReasonTLSFailed         = "TLSFailed"
	ReasonAuthFailed        = "AuthFailed"
	ReasonNotConfigured     = "NotConfigured"
	// ReasonLinkDelivery means: nothing is mailed (delivery: Link), so no server is needed.
	ReasonLinkDelivery = "LinkDelivery"
)

// Reasons of an Account's AccessReady condition.
const (
	// ReasonAccessUpToDate means: roles, bindings and the password file are as they are to be.
	ReasonAccessUpToDate = "UpToDate"
	// ReasonAccessPending means: the roles and bindings of the account's present spec are still to be written; the reason of Ready.
	ReasonAccessPending = "AccessPending"
	// ReasonBindForbidden means: Usher lacks the verb bind on a ClusterRole that the plan names. All else works, so the Account is
	// Ready.
	ReasonBindForbidden = "BindForbidden"
	// ReasonNameTaken means: an object that is not Usher's has the name of one that Usher would make.
	ReasonNameTaken = "NameTaken"
	// ReasonPasswordFileFull means: a Secret holds no more than 1 MiB, and members are missing from the password file.
	ReasonPasswordFileFull = "PasswordFileFull"
)

// Reasons of an Account's TemplatesReady condition.
const (
	ReasonTemplatesReady = "Ready"
	// ReasonConfigMapNotFound means: the ConfigMap named by templatesRef is not there.
	ReasonConfigMapNotFound = "ConfigMapNotFound"
	// ReasonTemplateInvalid means: at least one template has a mistake; the message says in which key and line.
	ReasonTemplateInvalid = "TemplateInvalid"
)

// Reasons of a Member's DeletionBlocked condition, and of the Event that tells of its end.
const (
	// ReasonOwnsResources means: spec.reassignTo names nobody to take over what the member owns.
	ReasonOwnsResources = "OwnsResources"
	// ReasonReassignToNotActive means: spec.reassignTo names nobody who could.
	ReasonReassignToNotActive = "ReassignToNotActive"
	// ReasonKindNotFound means: the API server knows no such kind as the plan names.
	ReasonKindNotFound = "KindNotFound"
	// ReasonOwnershipForbidden means: Usher may not list or patch a kind that the plan names.
	ReasonOwnershipForbidden = "OwnershipForbidden"
	// ReasonReassigned means: what a leaving member owned is somebody else's now.
	ReasonReassigned = "Reassigned"
)

// ReasonTokenRotated is the reason of the Event that tells that the API token of a member was replaced, since it was disabled.
const ReasonTokenRotated = "TokenRotated"

// Reasons of an Account's state.
const (
	// ReasonNoActiveMember means: no member of the account is Active yet.
	ReasonNoActiveMember = "NoActiveMember"
	// ReasonMemberActive means: at least one member of the account is Active.
	ReasonMemberActive = "MemberActive"
	// ReasonMailProbing means: the mail server is being tried.
	ReasonMailProbing = "MailProbing"
	// ReasonLastAdminLost means: the account's last Active admin was deleted, disabled or demoted.
	ReasonLastAdminLost = "LastAdminLost"
	// ReasonUpToDate means: counts and conditions are as observed.
	ReasonUpToDate = "UpToDate"
)

// Reasons of a SeatPool's conditions.
const (
	ReasonSeatsAvailable = "SeatsAvailable"
	ReasonAllSeatsTaken  = "AllSeatsClaimed"
	ReasonWithinCapacity = "WithinCapacity"
	ReasonSeatsReduced   = "SeatsReduced"
	ReasonLedgerCurrent  = "LedgerCurrent"
	// ReasonPurchaseNotAllowed means: spec.seats is above 0, and the plan sells none; they do not count.
	ReasonPurchaseNotAllowed = "PurchaseNotAllowed"
	// ReasonAboveMaximum means: spec.seats is more than the plan sells; those beyond do not count.
	ReasonAboveMaximum = "AboveMaximum"
	// ReasonSeatsUnassigned means: the plan sells seats only while all are assigned; the new ones count as soon as they are.
	ReasonSeatsUnassigned = "SeatsUnassigned"
	// ReasonAddOnNotInPlan means: the account's plan has no such add-on; no seat of the pool counts.
	ReasonAddOnNotInPlan = "AddOnNotInPlan"
	// ReasonAddOnNotInAccount means: the account does not have the add-on; no seat of the pool counts.
	ReasonAddOnNotInAccount = "AddOnNotInAccount"
)

// Reasons of an Invitation whose mail could be sent and waits for its turn, until status.nextAttemptAt.
const (
	// ReasonRateLimited means: the mail server has had all the mails of this minute that the rateLimit in its Secret allows.
	ReasonRateLimited = "RateLimited"
	// ReasonRecipientLimited means: the address has got all the mails of this hour that anybody gets.
	ReasonRecipientLimited = "RecipientLimited"
)

// Reasons of an Invitation's Events that tell of a reminder.
const (
	ReasonReminded       = "Reminded"
	ReasonReminderFailed = "ReminderFailed"
)

// ReasonMemberNotFound on an Invitation: the Member named by memberRef is not there.
const ReasonMemberNotFound = "MemberNotFound"
