// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Activation tells how a member gets from Pending to Active.
//
// +kubebuilder:validation:Enum=Invitation;Immediate
type Activation string

const (
	// ActivateByInvitation sends a mail and waits for an answer.
	ActivateByInvitation Activation = "Invitation"
	// ActivateImmediately sends no mail: somebody else has checked who this is.
	ActivateImmediately Activation = "Immediate"
)

// MemberSpec is who should have access, to what, and how they are asked.
type MemberSpec struct {
	// accountRef names the Account that the member belongs to. It cannot be changed.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="accountRef cannot be changed; delete the Member and make another",reason=FieldValueInvalid
	AccountRef AccountReference `json:"accountRef,omitempty,omitzero"`

	// email is where the invitation goes and what the member signs in with. Compared without regard to case; one member of an
	// account has it. Changed while Pending, the old link dies and a new mail goes to the new address; while Active, it
	// applies at once. Example: `ada@acme.example`.
	//
	// +required
	Email EmailAddress `json:"email,omitempty"`

	// givenName of the member. Default: what the invitee types. Example: `Ada`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	GivenName Line `json:"givenName,omitempty"`

	// familyName of the member. Default: what the invitee types. Example: `Lovelace`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	FamilyName Line `json:"familyName,omitempty"`

	// salutation of the member, free text. Default: what the invitee types. Example: `Mx`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=50
	Salutation Line `json:"salutation,omitempty"`

	// phone of the member, as it is dialled. Default: what the invitee types. Example: `+33 1 23 45 67 89`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=50
	Phone Line `json:"phone,omitempty"`

	// language of the member's mails and pages. Default: the account's.
	//
	// +optional
	Language Language `json:"language,omitempty"`

	// role of the member, one of its plan's. Default: the plan's default role, and for the account's first member the plan's owner
	// role; `member` without a plan. Example: `admin`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must be lower-case letters, digits and hyphens, such as admin",reason=FieldValueInvalid
	Role string `json:"role,omitempty"`

	// rights on top of the role's. Default: none. Example: `["orders:place"]`.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Rights []Right `json:"rights,omitempty"`

	// seatPoolRefs name the pools that the member takes a seat from: one of the base product, and any of add-ons. Default:
	// the account's only base pool.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	SeatPoolRefs []SeatPoolReference `json:"seatPoolRefs,omitempty"`

	// state is `Active` (default) or `Disabled`: what is wanted, not what is. A disabled member loses access at once, keeps
	// its history, and frees its seat; enabled again, one who had accepted is Active without a new mail as soon as there is
	// a seat.
	//
	// +optional
	// +kubebuilder:default=Active
	State State `json:"state,omitempty"`

	// activation is `Invitation` (default: a mail is sent, and the member is Active once they accept) or `Immediate` (no mail,
	// for somebody imported or signed in elsewhere).
	//
	// +optional
	// +kubebuilder:default=Invitation
	Activation Activation `json:"activation,omitempty"`

	// accessUntil is when the member's access ends: from then on it is Disabled, and its seat goes to the next in line. A later
	// time, or none, brings it back without a new invitation. Default: none. Example: `2027-03-31T18:00:00Z`.
	//
	// +optional
	AccessUntil *metav1.Time `json:"accessUntil,omitempty"`

	// reassignTo names the member who gets what this one owns when this one is deleted. Default: nobody.
	//
	// +optional
	ReassignTo *MemberReference `json:"reassignTo,omitempty"`
}

// Ended tells whether the member's access has ended at now.
func (s *MemberSpec) Ended(now time.Time) bool {
	return s.AccessUntil != nil && !now.Before(s.AccessUntil.Time)
}

// MemberStatus is what Usher last saw of a member.
//
// +kubebuilder:validation:XValidation:rule="!has(self.state) || self.state != 'Active' || (has(self.seats) && self.seats.exists(s, !has(s.addOn) && s.grant > s.releasedGrant))",message="an Active member must hold a seat of the base product: a grant above its releasedGrant",fieldPath=".seats",reason=FieldValueForbidden
// +kubebuilder:validation:XValidation:rule="!has(self.seats) || !has(oldSelf.seats) || self.seats.all(s, oldSelf.seats.all(o, o.pool != s.pool || o.releasedGrant <= s.releasedGrant))",message="releasedGrant cannot go down",fieldPath=".seats",reason=FieldValueForbidden
type MemberStatus struct {
	// observedGeneration is the metadata.generation that this status speaks of; -1 before the first.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// state is `Pending`, `Active` or `Disabled`. The Ready condition's reason says why.
	//
	// +optional
	State ObservedState `json:"state,omitempty"`

	// role is the effective role.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Role string `json:"role,omitempty"`

	// rights are the effective rights.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	Rights []Right `json:"rights,omitempty"`

	// displayName is the name in spec, else what the member typed, else the address.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=254
	DisplayName string `json:"displayName,omitempty"`

	// profileGeneration is how often the member had changed their own profile when this status took note of it.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	ProfileGeneration int64 `json:"profileGeneration,omitempty"`

	// seats are the grants that the member relies on or gave back, by pool.
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

	// invitedAt is when a mail server accepted the invitation.
	//
	// +optional
	InvitedAt *metav1.Time `json:"invitedAt,omitempty"`

	// expiresAt is when the invitation's link stops working.
	//
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// acceptedAt is when the invitee accepted.
	//
	// +optional
	AcceptedAt *metav1.Time `json:"acceptedAt,omitempty"`

	// activatedAt is when the member was last given access.
	//
	// +optional
	ActivatedAt *metav1.Time `json:"activatedAt,omitempty"`

	// disabledAt is when the member was last disabled.
	//
	// +optional
	DisabledAt *metav1.Time `json:"disabledAt,omitempty"`

	// endNotices are the mails that announce the end of the member's access a week before, to the member and to the account's
	// contact.
	//
	// +optional
	// +listType=map
	// +listMapKey=to
	// +kubebuilder:validation:MaxItems=2
	EndNotices []EndNotice `json:"endNotices,omitempty"`

	// conditions: Ready, exactly one of Pending, Active and Disabled as True, SeatsAssigned, DeletionBlocked; Reconciling and Stalled while true.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +patchStrategy=merge
	// +patchMergeKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty" patchStrategy:"merge" patchMergeKey:"type"`
}

// Member is a person who should have access to what an Account bought.
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
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 240",message="metadata.name must be at most 240 characters long: a Secret is named usher-member-<name>",reason=FieldValueInvalid
type Member struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the object's name, namespace, labels and the rest.
	//
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec is who should have access.
	//
	// +required
	Spec MemberSpec `json:"spec,omitempty,omitzero"`

	// status is what Usher last saw. It can be lost: Usher makes it again.
	//
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
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
