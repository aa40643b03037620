// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types. Ready is on every kind; Reconciling and Stalled follow kstatus and are there only while they are true.
const (
	// ConditionReady means: Usher has done its part. A member who has not answered yet is Ready.
	ConditionReady = "Ready"
	// ConditionReconciling means: Usher is at work, or waits for something that comes by itself.
	ConditionReconciling = "Reconciling"
	// ConditionStalled means: nothing more happens until a user changes something; the message says what.
	ConditionStalled = "Stalled"

	// ConditionPending, ConditionActive and ConditionDisabled tell the state of an Account or a Member; exactly one is True.
	ConditionPending  = "Pending"
	ConditionActive   = "Active"
	ConditionDisabled = "Disabled"

	// ConditionSeatsAssigned on a Member: it holds a seat in every pool that it names.
	ConditionSeatsAssigned = "SeatsAssigned"

	// ConditionEmailChange on a Member that has accepted: whether its new address, spec.email, is in use. It is there only while it is not,
	// so it is always False.
	ConditionEmailChange = "EmailChange"

	// ConditionMailReady on an Account: its SMTP Secret is usable and the server answered.
	ConditionMailReady = "MailReady"

	// ConditionAccessReady on an Account: its members have in Kubernetes RBAC what their roles say.
	ConditionAccessReady = "AccessReady"

	// ConditionNoAdmin on an Account that had an Active admin: it has none any more. It is there only while true.
	ConditionNoAdmin = "NoAdmin"

	// ConditionDeletionBlocked on a Member that is being deleted: it owns something that no one takes over. On a SeatPool that is being
	// deleted: members have seats of it. It is there only while true.
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

// Reasons of a Member's state; README.md draws how one follows another, except those that make any member Pending until a user corrects a
// mistake: a missing object, role or right, or a duplicate address. Package reason has a row for each constant below: the rules read it,
// and its text is the comment here.
const (
	// ReasonInviting means: the member has the seat that it needs, and no mail server has accepted its invitation yet.
	ReasonInviting = "Inviting"
	// ReasonAwaitingAcceptance means: the mail server accepted the invitation, and its link works.
	ReasonAwaitingAcceptance = "AwaitingAcceptance"
	// ReasonSeatUnavailable means: every seat is claimed, and the member waits for one.
	ReasonSeatUnavailable = "SeatUnavailable"
	// ReasonInvitationExpired means: the invitee did not answer while the link worked.
	ReasonInvitationExpired = "InvitationExpired"
	// ReasonInvitationRevoked means: the Invitation's spec.state is Revoked.
	ReasonInvitationRevoked = "InvitationRevoked"
	// ReasonInvitationDeclined means: the invitee declined.
	ReasonInvitationDeclined = "InvitationDeclined"
	// ReasonMailRejected means: the mail server refused the recipient permanently, or did not accept the mail within the ttl, or no mail can
	// go to the address.
	ReasonMailRejected = "MailRejected"
	// ReasonMailNotReady means: there is no usable mail server.
	ReasonMailNotReady = "MailNotReady"
	// ReasonDuplicateEmail means: another member of the account, who came first, has this address.
	ReasonDuplicateEmail = "DuplicateEmail"
	// ReasonAccountNotFound means: the Account that spec.accountRef names does not exist.
	ReasonAccountNotFound = "AccountNotFound"
	// ReasonSeatPoolNotFound means: a SeatPool that the member needs does not exist, or spec.seatPoolRefs does not say which one it is.
	ReasonSeatPoolNotFound = "SeatPoolNotFound"
	// ReasonPlanNotFound means: the Plan that the account's planRef names does not exist.
	ReasonPlanNotFound = "PlanNotFound"
	// ReasonRoleNotInPlan means: the account's plan has no such role.
	ReasonRoleNotInPlan = "RoleNotInPlan"
	// ReasonRightNotInPlan means: the account's plan has no such right.
	ReasonRightNotInPlan = "RightNotInPlan"
	// ReasonCredentialsInvalid means: a Secret without a valid signature by Usher has the name of the member's credentials.
	ReasonCredentialsInvalid = "CredentialsInvalid"
	// ReasonAccepted means: the invitee accepted.
	ReasonAccepted = "Accepted"
	// ReasonActivated means: the member is Active without an invitation (activation: Immediate).
	ReasonActivated = "Activated"
	// ReasonAddOnSeatUnavailable means: the member has its base seat, and waits for an add-on's.
	ReasonAddOnSeatUnavailable = "AddOnSeatUnavailable"
	// ReasonDisabledBySpec means: spec.state is Disabled.
	ReasonDisabledBySpec = "DisabledBySpec"
	// ReasonAccountDisabled means: the account's spec.state is Disabled.
	ReasonAccountDisabled = "AccountDisabled"
	// ReasonAccessEnded means: spec.accessUntil has passed.
	ReasonAccessEnded = "AccessEnded"
	// ReasonDeleting means: the object is being deleted, and Usher withdraws what it has given.
	ReasonDeleting = "Deleting"
	// ReasonDeletionBlocked means: the object is being deleted, and still owns something that no other member takes over.
	ReasonDeletionBlocked = "DeletionBlocked"
	// ReasonAccountDeleting means: the Account that spec.accountRef names is being deleted.
	ReasonAccountDeleting = "AccountDeleting"
)

// ReasonAccessEnding means: the member or the account's contact was told when the access ends, or could not be told.
const ReasonAccessEnding = "AccessEnding"

// Reasons of a Member's Events about its password.
const (
	// ReasonPasswordReset means: the member was mailed a link that sets a new password, or could not be mailed it.
	ReasonPasswordReset = "PasswordReset"
	// ReasonPasswordChanged means: the member was told, or could not be told, that its password was changed.
	ReasonPasswordChanged = "PasswordChanged"
)

// Reasons of a Member's EmailChange condition, beside DuplicateEmail and MailRejected, and of the Events about a change of address.
const (
	// ReasonAwaitingConfirmation means: the member's new address is in use as soon as it is confirmed by the link that is mailed to it.
	ReasonAwaitingConfirmation = "AwaitingConfirmation"
	// ReasonConfirmationExpired means: the member's new address was not confirmed while the link worked.
	ReasonConfirmationExpired = "ConfirmationExpired"
	// ReasonEmailChanged means: the member's new address is in use, and the former one is not any more.
	ReasonEmailChanged = "EmailChanged"
	// ReasonFormerAddressTold means: the address in use was told, or could not be told, that another is about to take its place.
	ReasonFormerAddressTold = "FormerAddressTold"
)

// ReasonSeatsHeld means: the member has a seat in every pool that it names.
const ReasonSeatsHeld = "SeatsHeld"

// Reasons of an Account's MailReady condition.
const (
	// ReasonMailReady means: the mail server answered.
	ReasonMailReady = "Ready"
	// ReasonSecretNotFound means: the Secret with the mail server's settings does not exist.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonSecretInvalid means: the Secret with the mail server's settings has a mistake; the message says which.
	ReasonSecretInvalid = "SecretInvalid"
	// ReasonServerUnreachable means: the mail server did not answer.
	ReasonServerUnreachable = "ServerUnreachable"
	// ReasonTLSFailed means: no secure connection to the mail server could be made.
	ReasonTLSFailed = "TLSFailed"
	// ReasonAuthFailed means: the mail server refused the user name or the password, the sender, or to relay the mail.
	ReasonAuthFailed = "AuthFailed"
	// ReasonMailRefused means: the mail server accepts the login, and refuses mails for a reason that is not a recipient's.
	ReasonMailRefused = "MailRefused"
	// ReasonNotConfigured means: the manager does not know the portal's URL, so there are no links to send.
	ReasonNotConfigured = "NotConfigured"
	// ReasonLinkDelivery means: nothing is mailed (delivery: Link), so no mail server is needed.
	ReasonLinkDelivery = "LinkDelivery"
)

// Reasons of an Account's AccessReady condition.
const (
	// ReasonAccessUpToDate means: roles, bindings and the password file are as they should be.
	ReasonAccessUpToDate = "UpToDate"
	// ReasonBindForbidden means: Usher lacks the verb bind on a ClusterRole that the plan names. Everything else works, so the Account
	// is Ready.
	ReasonBindForbidden = "BindForbidden"
	// ReasonNameTaken means: an object that Usher did not make has the name of one that it needs.
	ReasonNameTaken = "NameTaken"
	// ReasonPasswordFileFull means: a Secret holds no more than 1 MiB, and some members are missing from the password file.
	ReasonPasswordFileFull = "PasswordFileFull"
)

// Reasons of an Account's TemplatesReady condition.
const (
	// ReasonTemplatesReady means: the account's own templates are used.
	ReasonTemplatesReady = "Ready"
	// ReasonConfigMapNotFound means: the ConfigMap that templatesRef names does not exist.
	ReasonConfigMapNotFound = "ConfigMapNotFound"
	// ReasonTemplateInvalid means: at least one template has a mistake; the message says in which key and line.
	ReasonTemplateInvalid = "TemplateInvalid"
	// ReasonOwnServerRequired means: the account sends through the platform's mail server, and the platform words the mails from there.
	ReasonOwnServerRequired = "OwnServerRequired"
)

// Reasons of a Member's DeletionBlocked condition, and of the Event that reports its end.
const (
	// ReasonOwnsResources means: the member owns something, and spec.reassignTo names no one to take it over.
	ReasonOwnsResources = "OwnsResources"
	// ReasonReassignToNotActive means: the member owns something, and the member that spec.reassignTo names cannot take it over.
	ReasonReassignToNotActive = "ReassignToNotActive"
	// ReasonKindNotFound means: the API server does not have a kind that the plan names.
	ReasonKindNotFound = "KindNotFound"
	// ReasonKindClusterScoped means: the plan names a kind whose objects are in no namespace, so that no member can own them.
	ReasonKindClusterScoped = "KindClusterScoped"
	// ReasonOwnershipForbidden means: Usher may not list or patch a kind that the plan names.
	ReasonOwnershipForbidden = "OwnershipForbidden"
	// ReasonReassigned means: another member owns what this member owned.
	ReasonReassigned = "Reassigned"
)

// ReasonCredentialsDropped means: there were credentials of an earlier member of this name, who was deleted, and they are gone.
const ReasonCredentialsDropped = "CredentialsDropped"

// ReasonTokenRotated means: the member's API token was replaced, since the member was disabled.
const ReasonTokenRotated = "TokenRotated"

// Reasons of an Account's state.
const (
	// ReasonNoActiveMember means: no member of the account is Active yet.
	ReasonNoActiveMember = "NoActiveMember"
	// ReasonMemberActive means: at least one member of the account is Active.
	ReasonMemberActive = "MemberActive"
	// ReasonMailProbing means: Usher is trying to reach the mail server.
	ReasonMailProbing = "MailProbing"
	// ReasonAccessPending means: the members' roles and bindings could not be written yet.
	ReasonAccessPending = "AccessPending"
	// ReasonLastAdminLost means: the account's last Active admin was deleted, disabled or demoted.
	ReasonLastAdminLost = "LastAdminLost"
	// ReasonUpToDate means: counts and conditions are as observed.
	ReasonUpToDate = "UpToDate"
)

// Reasons of a SeatPool's conditions.
const (
	// ReasonSeatsAvailable means: the pool has a free seat.
	ReasonSeatsAvailable = "SeatsAvailable"
	// ReasonAllSeatsTaken means: every seat is claimed.
	ReasonAllSeatsTaken = "AllSeatsClaimed"
	// ReasonWithinCapacity means: no more seats are claimed than there are.
	ReasonWithinCapacity = "WithinCapacity"
	// ReasonSeatsReduced means: more seats are claimed than there are now.
	ReasonSeatsReduced = "SeatsReduced"
	// ReasonLedgerCurrent means: the ledger is up to date.
	ReasonLedgerCurrent = "LedgerCurrent"
	// ReasonPurchaseNotAllowed means: spec.seats is above 0, and the plan sells none, so they do not count.
	ReasonPurchaseNotAllowed = "PurchaseNotAllowed"
	// ReasonAboveMaximum means: spec.seats is more than the plan sells, and the seats above that do not count.
	ReasonAboveMaximum = "AboveMaximum"
	// ReasonSeatsUnassigned means: the plan sells seats only while all are assigned, and the new ones count as soon as that is so.
	ReasonSeatsUnassigned = "SeatsUnassigned"
	// ReasonAddOnNotInPlan means: the account's plan has no such add-on, so no seat of it counts.
	ReasonAddOnNotInPlan = "AddOnNotInPlan"
	// ReasonAddOnNotInAccount means: the account does not have the add-on, so no seat of it counts.
	ReasonAddOnNotInAccount = "AddOnNotInAccount"
	// ReasonSeatsInUse means: the pool is being deleted, and members have seats of it.
	ReasonSeatsInUse = "SeatsInUse"
)

// Reasons of an Invitation whose mail could be sent and waits until status.nextAttemptAt. Its other reasons are its states.
const (
	// ReasonRateLimited means: the mail server has had all the mails that the rateLimit in its Secret allows for now.
	ReasonRateLimited = "RateLimited"
	// ReasonRecipientLimited means: the limit of mails to one recipient within an hour is reached.
	ReasonRecipientLimited = "RecipientLimited"
	// ReasonQuotaReached means: the account has sent as many mails through the platform's mail server as it may within a day.
	ReasonQuotaReached = "QuotaReached"
)

// Reasons of an Invitation's Events about a reminder.
const (
	// ReasonReminded means: the mail server accepted a reminder.
	ReasonReminded = "Reminded"
	// ReasonReminderFailed means: the mail server refused a reminder.
	ReasonReminderFailed = "ReminderFailed"
)

// Reasons for which an Invitation is Stalled.
const (
	// ReasonMemberNotFound means: the Member that spec.memberRef names does not exist.
	ReasonMemberNotFound = "MemberNotFound"
	// ReasonLinkInvalid means: the key that the link in the mail was made with is no longer among the token keys, so the link does not work.
	ReasonLinkInvalid = "LinkInvalid"
	// ReasonInvitationNotUsed means: the Member is invited with another Invitation.
	ReasonInvitationNotUsed = "NotUsed"
)
