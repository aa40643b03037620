// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// InvitationWish is what the author of an Invitation wants of it.
//
// +kubebuilder:validation:Enum=Open;Revoked
type InvitationWish string

const (
	// InvitationOpen wants it sent and answered.
	InvitationOpen InvitationWish = "Open"
	// InvitationRevokedWish wants its link dead.
	InvitationRevokedWish InvitationWish = "Revoked"
)

// InvitationSpec is whom to ask, and how.
type InvitationSpec struct {
	// memberRef names the Member who is invited. It cannot be changed.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="memberRef cannot be changed; delete the Invitation and make another",reason=FieldValueInvalid
	MemberRef MemberReference `json:"memberRef,omitempty,omitzero"`

	// sendGeneration: raise it to send again, with a new link and a new ttl. Default 1; it cannot go down.
	//
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:XValidation:rule="self >= oldSelf",message="sendGeneration cannot go down; raise it to send the invitation again",reason=FieldValueInvalid
	SendGeneration int64 `json:"sendGeneration,omitempty"`

	// state is `Open` (default) or `Revoked`: a revoked invitation's link is dead and its seat is free. One that was accepted
	// cannot be revoked; disable or delete the Member instead.
	//
	// +optional
	// +kubebuilder:default=Open
	State InvitationWish `json:"state,omitempty"`

	// ttl is how long the link works, counted from the moment a mail server accepted the mail: `1m` to `720h`. Default: the
	// account's. Example: `72h`.
	//
	// +optional
	TTL TTL `json:"ttl,omitempty"`
}

// InvitationState is how far an Invitation has come.
//
// +kubebuilder:validation:Enum=Pending;Sending;Sent;Accepted;Declined;Expired;Revoked;Failed
type InvitationState string

const (
	// InvitationPending waits to be sent, or to be sent again after a failure that may pass.
	InvitationPending InvitationState = "Pending"
	// InvitationSending is in the hands of one sender, or was when that sender died.
	InvitationSending InvitationState = "Sending"
	// InvitationSent was accepted by a mail server; its link is alive until expiresAt.
	InvitationSent InvitationState = "Sent"
	// InvitationAccepted was accepted by the invitee.
	InvitationAccepted InvitationState = "Accepted"
	// InvitationDeclined was declined by the invitee.
	InvitationDeclined InvitationState = "Declined"
	// InvitationExpired was not answered in time.
	InvitationExpired InvitationState = "Expired"
	// InvitationRevoked was taken back.
	InvitationRevoked InvitationState = "Revoked"
	// InvitationFailed was refused by the mail server for good, or not taken by it within the ttl.
	InvitationFailed InvitationState = "Failed"
)

// ErrorClass tells what a failed attempt means for the next one.
//
// +kubebuilder:validation:Enum=Temporary;Permanent;Configuration
type ErrorClass string

const (
	// ErrorTemporary may pass: tried again, later and later.
	ErrorTemporary ErrorClass = "Temporary"
	// ErrorPermanent is the server's last word on this recipient.
	ErrorPermanent ErrorClass = "Permanent"
	// ErrorConfiguration is about the server or its Secret: all the account's invitations wait until it is mended.
	ErrorConfiguration ErrorClass = "Configuration"
)

// SendError is how the last attempt failed. It never holds an address.
type SendError struct {
	// class tells what happens next: `Temporary`, `Permanent` or `Configuration`.
	//
	// +required
	Class ErrorClass `json:"class,omitempty"`

	// code is the server's reply code and enhanced code (RFC 5321, RFC 3463), or a word for what happened before there was
	// one. Example: `451 4.7.1`.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Code string `json:"code,omitempty"`

	// at is when it failed.
	//
	// +required
	At metav1.Time `json:"at,omitempty,omitzero"`
}

// MaxReminders is how many reminders of one link are remembered, and so how many there are at most, however often the account's
// list is changed.
const MaxReminders = 20

// Reminder is a mail that reminds of an invitation. Without sentAt and nextAttemptAt it was given up: refused for good, or too late.
type Reminder struct {
	// before is how long before expiresAt it was due. Example: `48h`.
	//
	// +required
	Before Lead `json:"before,omitempty"`

	// attempts is how often it was tried.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Attempts int32 `json:"attempts,omitempty"`

	// sentAt is when a mail server accepted it.
	//
	// +optional
	SentAt *metav1.Time `json:"sentAt,omitempty"`

	// nextAttemptAt is when it is tried again; while it is being sent, when the sender is taken for dead.
	//
	// +optional
	NextAttemptAt *metav1.Time `json:"nextAttemptAt,omitempty"`
}

// InvitationStatus is how far the invitation has come.
type InvitationStatus struct {
	// observedGeneration is the metadata.generation that this status speaks of; -1 before the first.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// state: `Pending`, `Sending`, `Sent`, `Accepted`, `Declined`, `Expired`, `Revoked` or `Failed`.
	//
	// +optional
	State InvitationState `json:"state,omitempty"`

	// recipient is the address that the link was made for.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=254
	Recipient string `json:"recipient,omitempty"`

	// language that the mail was written in.
	//
	// +optional
	Language Language `json:"language,omitempty"`

	// sendGeneration is the last spec.sendGeneration that was handled.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	SendGeneration int64 `json:"sendGeneration,omitempty"`

	// linkGeneration is what the link and the Message-ID are made from. It is sendGeneration, or above it where a new link
	// was needed without one: the address changed, or the member was enabled again.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	LinkGeneration int64 `json:"linkGeneration,omitempty"`

	// messageID of the mail (RFC 5322 section 3.6.4); every attempt of one link carries the same.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=512
	MessageID string `json:"messageID,omitempty"`

	// attempts is how often this link's mail was tried.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Attempts int32 `json:"attempts,omitempty"`

	// firstAttemptAt is when this link's mail was first tried; after one ttl from here Usher gives up.
	//
	// +optional
	FirstAttemptAt *metav1.Time `json:"firstAttemptAt,omitempty"`

	// sentAt is when a mail server accepted the mail.
	//
	// +optional
	SentAt *metav1.Time `json:"sentAt,omitempty"`

	// expiresAt is sentAt + ttl. The link is refused from then on, whether or not state says so yet.
	//
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// acceptedAt is when the invitee accepted.
	//
	// +optional
	AcceptedAt *metav1.Time `json:"acceptedAt,omitempty"`

	// nextAttemptAt is when the mail is tried, or tried again, or when its turn is if the mail server or the recipient has had
	// enough for now; in state Sending, when the sender is taken for dead.
	//
	// +optional
	NextAttemptAt *metav1.Time `json:"nextAttemptAt,omitempty"`

	// lastError is how the last attempt failed; in state Sent, the last attempt at a reminder.
	//
	// +optional
	LastError *SendError `json:"lastError,omitempty"`

	// reminders are those of the present link whose moment has come, in the order of their first attempts.
	//
	// +optional
	// +listType=map
	// +listMapKey=before
	// +kubebuilder:validation:MaxItems=20
	Reminders []Reminder `json:"reminders,omitempty"`

	// conditions: Ready, Sent, Accepted; Reconciling and Stalled while true.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +patchStrategy=merge
	// +patchMergeKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty" patchStrategy:"merge" patchMergeKey:"type"`
}

// Invitation asks one Member by one mail with one link. Usher makes one, with the Member's name, where no other names the Member.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=inv,categories=usher
// +kubebuilder:printcolumn:name="Member",type=string,JSONPath=`.spec.memberRef.name`
// +kubebuilder:printcolumn:name="Recipient",type=string,JSONPath=`.status.recipient`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Sent",type=string,JSONPath=`.status.sentAt`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.status.expiresAt`
// +kubebuilder:printcolumn:name="Attempts",type=integer,JSONPath=`.status.attempts`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.spec.state != 'Revoked' || oldSelf.spec.state == 'Revoked' || !has(self.status) || !has(self.status.state) || self.status.state != 'Accepted'",message="the invitation was accepted and cannot be revoked any more; disable or delete the Member instead",fieldPath=".spec.state",reason=FieldValueForbidden
type Invitation struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the object's name, namespace, labels and the rest.
	//
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec is whom to ask, and how.
	//
	// +required
	Spec InvitationSpec `json:"spec,omitempty,omitzero"`

	// status is how far it has come. It can be lost: Usher makes it again.
	//
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
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
