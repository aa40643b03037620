// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// This file holds the types that a MemberStatus is made of.

// MemberSeat is a seat that the member relies on, or has given back.
type MemberSeat struct {
	// pool is the name of the SeatPool. Example: `acme-base`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Pool string `json:"pool,omitempty"`

	// poolUID is the UID that the SeatPool had when the grant was recorded.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	PoolUID string `json:"poolUID,omitempty"`

	// addOn is the add-on that the pool is for; empty for the base product.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	AddOn string `json:"addOn,omitempty"`

	// grant is the grant number of the claim that the member relies on.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	Grant int64 `json:"grant"`

	// releasedGrant is the highest grant that the member has given back. The seat is held while grant is above it. It
	// never goes down.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	ReleasedGrant int64 `json:"releasedGrant"`
}

// Held reports whether the member relies on this seat.
func (s MemberSeat) Held() bool { return s.Grant > s.ReleasedGrant }

// EndNoticeRecipient is who receives the announcement that a member's access ends.
//
// +kubebuilder:validation:Enum=Member;Contact
type EndNoticeRecipient string

const (
	// NoticeToMember goes to the member.
	NoticeToMember EndNoticeRecipient = "Member"
	// NoticeToContact goes to the account's contact.
	NoticeToContact EndNoticeRecipient = "Contact"
)

// EndNoticeState is how far a mail has progressed that is not an invitation: an announcement of the end of access, or a mail about a change
// of address.
//
// +kubebuilder:validation:Enum=Pending;Sending;Sent;Failed
type EndNoticeState string

const (
	// EndNoticePending means: an attempt failed, and the next one is due at nextAttemptAt.
	EndNoticePending EndNoticeState = "Pending"
	// EndNoticeSending means: an attempt is under way; the sender's lease lasts until nextAttemptAt.
	EndNoticeSending EndNoticeState = "Sending"
	// EndNoticeSent means: a mail server accepted the mail.
	EndNoticeSent EndNoticeState = "Sent"
	// EndNoticeFailed means: the mail server permanently refused the mail, or what it is about came before a mail server accepted
	// it.
	EndNoticeFailed EndNoticeState = "Failed"
)

// EndNotice is the mail that announces the end of a member's access to one recipient.
type EndNotice struct {
	// to is the recipient: `Member`, or `Contact` for the account's contact.
	//
	// +required
	To EndNoticeRecipient `json:"to,omitempty"`

	// accessUntil is the end of access that the mail announces.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	AccessUntil metav1.Time `json:"accessUntil,omitempty,omitzero"`

	// state is `Pending`, `Sending`, `Sent` or `Failed`.
	//
	// +required
	State EndNoticeState `json:"state,omitempty"`

	// messageID is the mail's Message-ID (RFC 5322 section 3.6.4) without angle brackets; every attempt has the same.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=512
	MessageID string `json:"messageID,omitempty"`

	// attempts is the number of attempts to send the mail.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Attempts int32 `json:"attempts,omitempty"`

	// sentAt is when a mail server accepted the mail.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	SentAt *metav1.Time `json:"sentAt,omitempty"`

	// nextAttemptAt is when the next attempt is due. In state `Sending`, it is when the sender's lease expires.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	NextAttemptAt *metav1.Time `json:"nextAttemptAt,omitempty"`

	// lastError describes the last failed attempt; absent once an attempt has succeeded.
	//
	// +optional
	LastError *SendError `json:"lastError,omitempty"`
}
