// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// This file holds what a Member says of its addresses.

// EmailInUse returns the address that access and signing in follow: the one in status once the member has accepted, else the one in spec.
// After the status was lost, an annotation says the former until the change of address is over: the member must not count as one that is to
// be invited at an address that it only wants.
func (m *Member) EmailInUse() EmailAddress {
	accepted, marked := m.Status.AcceptedAt != nil, m.Annotations[EmailInUseAnnotation]
	switch {
	case accepted && m.Status.Email != "":
		return EmailAddress(m.Status.Email)
	case marked != "" && (accepted || m.Status.State == ""):
		return EmailAddress(marked)
	}
	return m.Spec.Email
}

// EmailChange is a change of address that the member's new address has not confirmed yet.
type EmailChange struct {
	// email is the address that the link is mailed to: spec.email as it was when the change was noticed. Example: `ada@acme.example`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=254
	Email string `json:"email,omitempty"`

	// requestedAt is when Usher noticed the change. The link is for this change and no other.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	RequestedAt metav1.Time `json:"requestedAt,omitempty,omitzero"`

	// expiresAt is when the link stops working: as long after it was sent as an invitation's. Absent until it is sent.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// keyID names the token key that the link was made with.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	KeyID string `json:"keyID,omitempty"`

	// mails are the link, to the new address, and the notice of the change, to the former one.
	//
	// +optional
	// +listType=map
	// +listMapKey=to
	// +kubebuilder:validation:MaxItems=2
	Mails []EmailChangeMail `json:"mails,omitempty"`
}

// EmailChangeRecipient is who is mailed about a change of address.
//
// +kubebuilder:validation:Enum=NewAddress;FormerAddress
type EmailChangeRecipient string

const (
	// MailToNewAddress is the mail with the link that confirms the new address.
	MailToNewAddress EmailChangeRecipient = "NewAddress"
	// MailToFormerAddress is the mail that tells the address in use that another is about to take its place.
	MailToFormerAddress EmailChangeRecipient = "FormerAddress"
)

// EmailChangeMail is a mail about a change of address.
type EmailChangeMail struct {
	// to is the recipient: `NewAddress` or `FormerAddress`.
	//
	// +required
	To EmailChangeRecipient `json:"to,omitempty"`

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
