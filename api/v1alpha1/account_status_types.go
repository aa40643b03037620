// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AccountStatus is the state of an account as Usher last observed it.
type AccountStatus struct {
	// observedGeneration is the metadata.generation that this status describes; -1 before the first observation.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// state is `Pending` (no member is Active), `Active` or `Disabled`.
	//
	// +optional
	State ObservedState `json:"state,omitempty"`

	// owner is the first member who became Active with an admin role. Once that member is deleted, it is the admin who has
	// been Active the longest.
	//
	// +optional
	Owner *AccountOwner `json:"owner,omitempty"`

	// members counts the account's members by state.
	//
	// +optional
	Members *MemberCounts `json:"members,omitempty"`

	// seats adds up the account's base pools.
	//
	// +optional
	Seats *SeatCounts `json:"seats,omitempty"`

	// seatsSummary is assigned seats / capacity of the base pools, for kubectl's table. Example: `2/13`.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=32
	SeatsSummary string `json:"seatsSummary,omitempty"`

	// formerMembers are the members that were deleted last, latest first: at most spec.retainFormerMembers.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	FormerMembers []FormerMember `json:"formerMembers,omitempty"`

	// departures are the last 50 deletions, latest first, without personal data. They keep a late acceptance by a deleted
	// member from being taken for that of a later Member with the same name.
	//
	// +optional
	// +listType=map
	// +listMapKey=uid
	// +kubebuilder:validation:MaxItems=50
	Departures []Departure `json:"departures,omitempty"`

	// conditions are Ready; Pending, Active and Disabled, of which exactly one is True; MailReady; AccessReady;
	// TemplatesReady if templatesRef is set; NoAdmin, Reconciling and Stalled while they are True.
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

// AccountOwner is the member to ask about an account.
type AccountOwner struct {
	// name is the name of the Member. Example: `ada`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// email is the member's address. Example: `ada@acme.example`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=254
	Email string `json:"email,omitempty"`
}

// MemberCounts counts members by state.
type MemberCounts struct {
	// total is the number of members of the account.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Total int32 `json:"total"`

	// pending is the number of members that are Pending, or that Usher has not observed yet.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Pending int32 `json:"pending"`

	// active is the number of members that have access.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Active int32 `json:"active"`

	// disabled is the number of members that are Disabled.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Disabled int32 `json:"disabled"`
}

// SeatCounts adds up the seats of several pools.
type SeatCounts struct {
	// capacity is the number of seats.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Capacity int32 `json:"capacity"`

	// assigned is the number of seats that Active members hold.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Assigned int32 `json:"assigned"`

	// reserved is the number of seats that members who are not Active hold.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Reserved int32 `json:"reserved"`

	// available is the number of seats that no member holds.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Available int32 `json:"available"`
}

// Departure records the deletion of a member, without personal data.
type Departure struct {
	// uid is the UID of the Member.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`

	// deletedAt is when the member was deleted.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	DeletedAt metav1.Time `json:"deletedAt,omitempty,omitzero"`
}

// FormerMember is what an account remembers of a deleted member. No other object keeps personal data of that member.
type FormerMember struct {
	// name is the name of the Member.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// uid is the UID of the Member.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`

	// email is the address that the member had when it was deleted.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=254
	Email string `json:"email,omitempty"`

	// role is the role that the member had when it was deleted.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Role string `json:"role,omitempty"`

	// deletedAt is when the member was deleted.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self >= timestamp('0001-01-01T00:00:00Z') && self <= timestamp('9999-12-31T23:59:59Z')",message="must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z",reason=FieldValueInvalid
	DeletedAt metav1.Time `json:"deletedAt,omitempty,omitzero"`
}
