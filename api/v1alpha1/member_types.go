// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Activation is how a member changes from Pending to Active.
//
// +kubebuilder:validation:Enum=Invitation;Immediate
type Activation string

const (
	// ActivateByInvitation sends a mail and waits for the invitee's answer.
	ActivateByInvitation Activation = "Invitation"
	// ActivateImmediately sends no mail: the member's identity was checked elsewhere.
	ActivateImmediately Activation = "Immediate"
)

// MemberSpec says who should have access, to what, and how they are invited.
type MemberSpec struct {
	// accountRef names the Account that the member belongs to. It cannot be changed.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="accountRef cannot be changed; delete the Member and create another",reason=FieldValueInvalid
	AccountRef AccountReference `json:"accountRef,omitempty,omitzero"`

	// email is where the invitation goes and what the member signs in with. It must be unique within the account, however
	// it is spelled: upper or lower case, composed or decomposed letters, a domain in Unicode or in ASCII (`xn--`), with or
	// without a final dot. A later duplicate waits with the reason DuplicateEmail, and an address whose domain the DNS
	// cannot have with MailRejected. If the address changes before the member has accepted, the old link stops working and a
	// new mail goes to the new address. Once the member has accepted, the address in use (status.email) stays in effect until
	// the member confirms the new one by a link that is mailed to it; with activation `Immediate` the new one applies at once,
	// without the password. Another spelling is no change. Example: `ada@acme.example`.
	//
	// +required
	Email EmailAddress `json:"email,omitempty"`

	// givenName is the member's given name. Default: what the member enters on the portal. Example: `Ada`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	GivenName Line `json:"givenName,omitempty"`

	// familyName is the member's family name. Default: what the member enters on the portal. Example: `Lovelace`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	FamilyName Line `json:"familyName,omitempty"`

	// salutation is the member's form of address, as free text. Default: what the member enters on the portal. Example:
	// `Mx`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=50
	Salutation Line `json:"salutation,omitempty"`

	// phone is the member's telephone number. Default: what the member enters on the portal. Example: `+33 1 23 45 67 89`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=50
	Phone Line `json:"phone,omitempty"`

	// language is used for the member's mails and pages. Default: the account's. Example: `fr`.
	//
	// +optional
	Language Language `json:"language,omitempty"`

	// role is one of the roles of the account's plan. Default: the plan's defaultRole, or its ownerRole for the account's
	// first member; `member` without a plan. Example: `admin`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must be lower-case letters, digits and hyphens, such as admin",reason=FieldValueInvalid
	Role string `json:"role,omitempty"`

	// rights are granted in addition to those of the role. Default: none. Example: `["orders:place"]`.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Rights []Right `json:"rights,omitempty"`

	// seatPoolRefs name the pools that the member takes a seat from: one base pool, and any number of add-on pools.
	// Default: the account's only base pool. A pool that does not exist is taken for an add-on's. Example: `[{"name": "acme-base"}]`.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	SeatPoolRefs []SeatPoolReference `json:"seatPoolRefs,omitempty"`

	// state is `Active` (default) or `Disabled`: the desired state, not the observed one. A disabled member loses access
	// at once and frees its seat, but keeps its history. If it had accepted and is enabled again, it becomes Active
	// without a new mail as soon as a seat is free.
	//
	// +optional
	// +kubebuilder:default=Active
	State State `json:"state,omitempty"`

	// activation is `Invitation` (default: Usher sends a mail, and the member becomes Active by accepting) or `Immediate`
	// (no mail, for members that were imported or sign in elsewhere).
	//
	// +optional
	// +kubebuilder:default=Invitation
	Activation Activation `json:"activation,omitempty"`

	// accessUntil is when the member's access ends (RFC 3339): from then on the member is Disabled, and its seat goes to
	// the next member who waits. Setting a later time, or removing the field, brings the member back without a new
	// invitation. Default: none. Example: `2027-03-31T18:00:00Z`.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	AccessUntil *metav1.Time `json:"accessUntil,omitempty"`

	// reassignTo names the member who takes over what this member owns when this member is deleted. Default: none.
	//
	// +optional
	ReassignTo *MemberReference `json:"reassignTo,omitempty"`
}

// Ended reports whether the member's access has ended at now.
func (s *MemberSpec) Ended(now time.Time) bool {
	return s.AccessUntil != nil && !now.Before(s.AccessUntil.Time)
}

// MemberStatus is the state of a member as Usher last observed it.
//
// +kubebuilder:validation:XValidation:rule="!has(self.state) || self.state != 'Active' || (has(self.seats) && self.seats.exists(s, !has(s.addOn) && s.grant > s.releasedGrant))",message="an Active member must hold a seat of the base product; record a grant above releasedGrant, or another state",fieldPath=".seats",reason=FieldValueForbidden
// +kubebuilder:validation:XValidation:rule="!has(self.seats) || !has(oldSelf.seats) || self.seats.all(s, oldSelf.seats.all(o, o.pool != s.pool || o.releasedGrant <= s.releasedGrant))",message="releasedGrant cannot go down; keep the higher value",fieldPath=".seats",reason=FieldValueForbidden
type MemberStatus struct {
	// observedGeneration is the metadata.generation that this status describes; -1 before the first observation.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// state is `Pending`, `Active` or `Disabled`. The reason of the condition Ready says why.
	//
	// +optional
	State ObservedState `json:"state,omitempty"`

	// email is the address in use, which access, the password file and signing in follow: the one that the member accepted
	// with or has confirmed since, else spec.email. Example: `ada@acme.example`.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=254
	Email string `json:"email,omitempty"`

	// emailChange is the change of address that waits for its confirmation; absent if there is none. The condition EmailChange
	// says what it waits for.
	//
	// +optional
	EmailChange *EmailChange `json:"emailChange,omitempty"`

	// role is the effective role. Example: `admin`.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Role string `json:"role,omitempty"`

	// rights are the effective rights: the role's and the member's own. Example: `["orders:place"]`.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	Rights []Right `json:"rights,omitempty"`

	// displayName is the name from spec, else the name that the member entered, else the address. Example: `Ada Lovelace`.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=254
	DisplayName string `json:"displayName,omitempty"`

	// profileGeneration is how often the member had changed their own profile when this status was written.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	ProfileGeneration int64 `json:"profileGeneration,omitempty"`

	// credentialsProblem says which values of the member's credentials Secret are not used, and why. The Ready condition's message says
	// it too.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	CredentialsProblem string `json:"credentialsProblem,omitempty"`

	// seats are the grants that the member relies on or has given back, by pool.
	//
	// +optional
	// +listType=map
	// +listMapKey=pool
	// +kubebuilder:validation:MaxItems=64
	Seats []MemberSeat `json:"seats,omitempty"`

	// invitationRef names the member's Invitation.
	//
	// +optional
	InvitationRef *InvitationReference `json:"invitationRef,omitempty"`

	// invitedAt is when the invitation was sent: its status.sentAt.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	InvitedAt *metav1.Time `json:"invitedAt,omitempty"`

	// expiresAt is when the invitation's link stops working.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// acceptedAt is when the invitee accepted.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	AcceptedAt *metav1.Time `json:"acceptedAt,omitempty"`

	// activatedAt is when the member last became Active.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	ActivatedAt *metav1.Time `json:"activatedAt,omitempty"`

	// disabledAt is when the member last became Disabled.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	DisabledAt *metav1.Time `json:"disabledAt,omitempty"`

	// endNotices are the mails that announce the end of the member's access one week before, to the member and to the
	// account's contact.
	//
	// +optional
	// +listType=map
	// +listMapKey=to
	// +kubebuilder:validation:MaxItems=2
	EndNotices []EndNotice `json:"endNotices,omitempty"`

	// conditions are Ready; Pending, Active and Disabled, of which exactly one is True; SeatsAssigned; EmailChange while a new address
	// is not confirmed; DeletionBlocked, Reconciling and Stalled while they are True.
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

// Member is a person who should have access to what an Account has bought.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=mbr,categories=usher
// +kubebuilder:selectablefield:JSONPath=`.spec.email`
// +kubebuilder:selectablefield:JSONPath=`.spec.accountRef.name`
// +kubebuilder:selectablefield:JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Email",type=string,JSONPath=`.spec.email`
// +kubebuilder:printcolumn:name="Account",type=string,JSONPath=`.spec.accountRef.name`
// +kubebuilder:printcolumn:name="Role",type=string,JSONPath=`.status.role`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Name",type=string,JSONPath=`.status.displayName`,priority=1
// +kubebuilder:printcolumn:name="Language",type=string,JSONPath=`.spec.language`,priority=1
// +kubebuilder:printcolumn:name="Invited",type=string,JSONPath=`.status.invitedAt`,priority=1
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.status.expiresAt`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 240",message="metadata.name must be at most 240 characters long, because a Secret is named usher-member-<name>; choose a shorter name",reason=FieldValueInvalid
type Member struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata: name, namespace, labels and so on.
	//
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec says who should have access.
	//
	// +required
	Spec MemberSpec `json:"spec,omitempty,omitzero"`

	// status is the state of the member as Usher last observed it. If it is lost, Usher computes it again.
	//
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	// +structType=atomic
	Status MemberStatus `json:"status,omitempty,omitzero"`
}

// MemberList is a list of Members.
//
// +kubebuilder:object:root=true
type MemberList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Member `json:"items"`
}
