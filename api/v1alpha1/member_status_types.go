// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// The parts of a MemberStatus.

// MemberSeat is a seat that the member relies on, or did.
type MemberSeat struct {
	// pool is the SeatPool's name.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Pool string `json:"pool,omitempty"`

	// poolUID is the SeatPool's UID when the grant was recorded.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	PoolUID string `json:"poolUID,omitempty"`

	// addOn is the add-on that the pool is for; absent for the base product.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	AddOn string `json:"addOn,omitempty"`

	// grant is the number of the claim that the member relies on.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Grant int64 `json:"grant"`

	// releasedGrant is the highest grant that the member gave back. The seat is held while grant is above it; it never
	// goes down.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	ReleasedGrant int64 `json:"releasedGrant"`
}

// Held tells whether the member relies on this seat.
func (s MemberSeat) Held() bool { return s.Grant > s.ReleasedGrant }

// EndNoticeRecipient tells who is told that a member's access ends.
//
// +kubebuilder:validation:Enum=Member;Contact
type EndNoticeRecipient string

const (
	// NoticeToMember goes to the member.
	NoticeToMember EndNoticeRecipient = "Member"
	// NoticeToContact goes to the account's contact.
	NoticeToContact EndNoticeRecipient = "Contact"
)

// EndNoticeState is how far an announcement has come.
//
// +kubebuilder:validation:Enum=Pending;Sending;Sent;Failed
type EndNoticeState string

const (
	// EndNoticePending means: an attempt failed, and there is another at nextAttemptAt.
	EndNoticePending EndNoticeState = "Pending"
	// EndNoticeSending means: an attempt is being made; its sender is believed to be alive until nextAttemptAt.
	EndNoticeSending EndNoticeState = "Sending"
	// EndNoticeSent means: a mail server accepted the mail.
	EndNoticeSent EndNoticeState = "Sent"
	// EndNoticeFailed means: the mail server refused the recipient for good, or access had ended before it took the mail.
	EndNoticeFailed EndNoticeState = "Failed"
)

// EndNotice is the mail that announces the end of a member's access to one recipient.
type EndNotice struct {
	// to is who is told: `Member`, or `Contact`, the account's.
	//
	// +required
	To EndNoticeRecipient `json:"to,omitempty"`

	// accessUntil is the end that the mail speaks of.
	//
	// +required
	AccessUntil metav1.Time `json:"accessUntil,omitempty,omitzero"`

	// state is `Pending`, `Sending`, `Sent` or `Failed`.
	//
	// +required
	State EndNoticeState `json:"state,omitempty"`

	// messageID of the mail, without angle brackets; the same on every attempt.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=512
	MessageID string `json:"messageID,omitempty"`

	// attempts is how often the mail was tried to be sent.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Attempts int32 `json:"attempts,omitempty"`

	// sentAt is when a mail server accepted the mail.
	//
	// +optional
	SentAt *metav1.Time `json:"sentAt,omitempty"`

	// nextAttemptAt is when a mail that failed is tried again, or until when its sender is believed to be alive.
	//
	// +optional
	NextAttemptAt *metav1.Time `json:"nextAttemptAt,omitempty"`

	// lastError is how the latest attempt failed; absent once one succeeded.
	//
	// +optional
	LastError *SendError `json:"lastError,omitempty"`
}
