// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// InvitationWish is the state that the author of an Invitation wants.
//
// +kubebuilder:validation:Enum=Open;Revoked
type InvitationWish string

const (
	// InvitationOpen asks for the invitation to be sent and answered.
	InvitationOpen InvitationWish = "Open"
	// InvitationRevokedWish asks for the link to stop working.
	InvitationRevokedWish InvitationWish = "Revoked"
)

// InvitationSpec says whom to invite, and how.
type InvitationSpec struct {
	// memberRef names the Member who is invited. It cannot be changed.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="memberRef cannot be changed; delete the Invitation and create another",reason=FieldValueInvalid
	MemberRef MemberReference `json:"memberRef,omitempty,omitzero"`

	// sendGeneration sends the invitation again when it is raised, with a new link and a new ttl. Default: 1. It cannot go
	// down.
	//
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:XValidation:rule="self >= oldSelf",message="sendGeneration cannot go down; raise it to send the invitation again",reason=FieldValueInvalid
	// +kubebuilder:validation:Maximum=1000000000
	SendGeneration int64 `json:"sendGeneration,omitempty"`

	// state is `Open` (default) or `Revoked`. The link of a revoked invitation does not work, and its member gives the
	// seat back. An accepted invitation cannot be revoked; disable or delete the Member instead.
	//
	// +optional
	// +kubebuilder:default=Open
	State InvitationWish `json:"state,omitempty"`

	// ttl is how long the link works, counted from the moment a mail server accepted the mail: `1m` to `720h`. Default:
	// the account's. Example: `72h`.
	//
	// +optional
	TTL TTL `json:"ttl,omitempty"`
}

// InvitationState is how far an Invitation has progressed.
//
// +kubebuilder:validation:Enum=Pending;Sending;Sent;Accepted;Declined;Expired;Revoked;Failed
type InvitationState string

const (
	// InvitationPending waits to be sent, or to be sent again after a temporary failure.
	InvitationPending InvitationState = "Pending"
	// InvitationSending is being sent by one manager; after a crash, the state remains until that manager's lease expires.
	InvitationSending InvitationState = "Sending"
	// InvitationSent was accepted by a mail server; its link works until expiresAt.
	InvitationSent InvitationState = "Sent"
	// InvitationAccepted was accepted by the invitee.
	InvitationAccepted InvitationState = "Accepted"
	// InvitationDeclined was declined by the invitee.
	InvitationDeclined InvitationState = "Declined"
	// InvitationExpired was not answered in time.
	InvitationExpired InvitationState = "Expired"
	// InvitationRevoked was revoked by its author.
	InvitationRevoked InvitationState = "Revoked"
	// InvitationFailed was permanently refused by the mail server, or not accepted by it within the ttl.
	InvitationFailed InvitationState = "Failed"
)

// ErrorClass says what a failed attempt means for the next one.
//
// +kubebuilder:validation:Enum=Temporary;Permanent;Configuration
type ErrorClass string

const (
	// ErrorTemporary may pass; Usher tries again with growing pauses.
	ErrorTemporary ErrorClass = "Temporary"
	// ErrorPermanent is final for this recipient.
	ErrorPermanent ErrorClass = "Permanent"
	// ErrorConfiguration is caused by the mail server or its Secret: all invitations of the account wait until that is
	// fixed.
	ErrorConfiguration ErrorClass = "Configuration"
)

// SendError describes the last failed attempt. It never contains an address.
type SendError struct {
	// class says what happens next: `Temporary`, `Permanent` or `Configuration`.
	//
	// +required
	Class ErrorClass `json:"class,omitempty"`

	// code is the server's reply code and enhanced status code (RFC 5321, RFC 3463), or a short description if the server
	// did not reply. Example: `451 4.7.1`.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Code string `json:"code,omitempty"`

	// at is when the attempt failed.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	At metav1.Time `json:"at,omitempty,omitzero"`
}

// MaxReminders is how many reminders of one link are recorded, and so the most that are sent for it, however often the
// account's list changes.
const MaxReminders = 20

// Reminder is a mail that reminds of an invitation. Without sentAt and nextAttemptAt it was given up: permanently
// refused, or too late.
type Reminder struct {
	// before is how long before expiresAt the reminder was due. Example: `48h`.
	//
	// +required
	Before Lead `json:"before,omitempty"`

	// attempts is the number of attempts to send the reminder.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Attempts int32 `json:"attempts,omitempty"`

	// sentAt is when a mail server accepted the reminder.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	SentAt *metav1.Time `json:"sentAt,omitempty"`

	// nextAttemptAt is when the next attempt is due. While the reminder is being sent, it is when the sender's lease
	// expires.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	NextAttemptAt *metav1.Time `json:"nextAttemptAt,omitempty"`
}

// InvitationStatus is the state of an invitation as Usher last observed it.
type InvitationStatus struct {
	// observedGeneration is the metadata.generation that this status describes; -1 before the first observation.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// state is `Pending`, `Sending`, `Sent`, `Accepted`, `Declined`, `Expired`, `Revoked` or `Failed`.
	//
	// +optional
	State InvitationState `json:"state,omitempty"`

	// recipient is the address that the link was made for. Example: `ada@acme.example`.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=254
	Recipient string `json:"recipient,omitempty"`

	// language is the language of the mail.
	//
	// +optional
	Language Language `json:"language,omitempty"`

	// sendGeneration is the last spec.sendGeneration that Usher has handled.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000
	SendGeneration int64 `json:"sendGeneration,omitempty"`

	// linkGeneration is what the link and the Message-ID are derived from. It equals sendGeneration, or exceeds it if a
	// new link was needed for another reason: the address changed, or the member was enabled again.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	LinkGeneration int64 `json:"linkGeneration,omitempty"`

	// keyID names the token key that the link in the last mail was made with: the first four bytes of the key's SHA-256 hash in
	// hexadecimal digits. It is empty if nothing is mailed: such a link is made with the present key whenever it is handed over.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=8
	KeyID string `json:"keyID,omitempty"`

	// messageID is the mail's Message-ID (RFC 5322 section 3.6.4); every attempt for one link has the same. It is empty if
	// nothing is mailed.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=512
	MessageID string `json:"messageID,omitempty"`

	// attempts is the number of attempts to send this link's mail.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Attempts int32 `json:"attempts,omitempty"`

	// firstAttemptAt is when this link's mail was first tried, moved forward by the time in which an attempt was due and
	// could not be made, for example because the mail server was not ready. Usher gives up one ttl later.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	FirstAttemptAt *metav1.Time `json:"firstAttemptAt,omitempty"`

	// sentAt is when a mail server accepted the mail, or, with delivery `Link`, when the link was made.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	SentAt *metav1.Time `json:"sentAt,omitempty"`

	// expiresAt is sentAt + ttl. The link stops working then, even if state does not say so yet.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// acceptedAt is when the invitee accepted.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	AcceptedAt *metav1.Time `json:"acceptedAt,omitempty"`

	// nextAttemptAt is when the next attempt is due, after a failure or because of a rate limit. In state `Sending`, it is
	// when the sender's lease expires.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	NextAttemptAt *metav1.Time `json:"nextAttemptAt,omitempty"`

	// lastError describes the last failed attempt; in state `Sent`, the last failed attempt at a reminder.
	//
	// +optional
	LastError *SendError `json:"lastError,omitempty"`

	// reminders are the reminders of the current link that were due so far, in the order of their first attempts.
	//
	// +optional
	// +listType=map
	// +listMapKey=before
	// +kubebuilder:validation:MaxItems=20
	Reminders []Reminder `json:"reminders,omitempty"`

	// conditions are Ready, Sent and Accepted; Reconciling and Stalled while they are True.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +patchStrategy=merge
	// +patchMergeKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(c, c.lastTransitionTime >= timestamp('0001-01-01T00:00:00Z') && c.lastTransitionTime <= timestamp('9999-12-31T23:59:59Z'))",message="lastTransitionTime must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	Conditions []metav1.Condition `json:"conditions,omitempty" patchStrategy:"merge" patchMergeKey:"type"`
}

// Invitation asks one Member to join, with one mail and one link. Usher creates one with the Member's name if no
// Invitation names the Member.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=inv,categories=usher
// +kubebuilder:selectablefield:JSONPath=`.spec.memberRef.name`
// +kubebuilder:selectablefield:JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Member",type=string,JSONPath=`.spec.memberRef.name`
// +kubebuilder:printcolumn:name="Recipient",type=string,JSONPath=`.status.recipient`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Sent",type=string,JSONPath=`.status.sentAt`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.status.expiresAt`
// +kubebuilder:printcolumn:name="Attempts",type=integer,JSONPath=`.status.attempts`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:validation:XValidation:rule="self.spec.state != 'Revoked' || oldSelf.spec.state == 'Revoked' || !has(self.status) || !has(self.status.state) || self.status.state != 'Accepted'",message="an accepted invitation cannot be revoked; disable or delete the Member instead",fieldPath=".spec.state",reason=FieldValueForbidden
type Invitation struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata: name, namespace, labels and so on.
	//
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec says whom to invite, and how.
	//
	// +required
	Spec InvitationSpec `json:"spec,omitempty,omitzero"`

	// status is how far the invitation has progressed. If it is lost, Usher computes it again.
	//
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	// +structType=atomic
	Status InvitationStatus `json:"status,omitempty,omitzero"`
}

// InvitationList is a list of Invitations.
//
// +kubebuilder:object:root=true
type InvitationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Invitation `json:"items"`
}
