// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AccountStatus is what Usher last saw of an account.
type AccountStatus struct {
	// observedGeneration is the metadata.generation that this status speaks of; -1 before the first.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// state is `Pending` (no member is Active yet), `Active` or `Disabled`.
	//
	// +optional
	State ObservedState `json:"state,omitempty"`

	// owner is the first member to become Active with an admin role.
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

	// formerMembers are the members that were deleted last, the latest first: as many as spec.retainFormerMembers says.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	FormerMembers []FormerMember `json:"formerMembers,omitempty"`

	// departures are the last 50 deletions, the latest first, without who it was: an acceptance by one of them that comes late is
	// never taken for that of a later Member of the same name.
	//
	// +optional
	// +listType=map
	// +listMapKey=uid
	// +kubebuilder:validation:MaxItems=50
	Departures []Departure `json:"departures,omitempty"`

	// conditions: Ready, exactly one of Pending, Active and Disabled as True, MailReady, AccessReady; TemplatesReady where
	// templatesRef names some; Reconciling and Stalled while true.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +patchStrategy=merge
	// +patchMergeKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty" patchStrategy:"merge" patchMergeKey:"type"`
}

// AccountOwner is the member to ask about an account.
type AccountOwner struct {
	// name of the Member object.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// email of the member.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=254
	Email string `json:"email,omitempty"`
}

// MemberCounts counts members by state.
type MemberCounts struct {
	// total is how many members the account has.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Total int32 `json:"total"`

	// pending is how many have not become Active yet, or are not any more.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Pending int32 `json:"pending"`

	// active is how many have access.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Active int32 `json:"active"`

	// disabled is how many had their access withdrawn.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Disabled int32 `json:"disabled"`
}

// SeatCounts adds up seats.
type SeatCounts struct {
	// capacity is how many seats there are.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Capacity int32 `json:"capacity"`

	// assigned is how many are held by Active members.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Assigned int32 `json:"assigned"`

	// reserved is how many are held by members that are not Active.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Reserved int32 `json:"reserved"`

	// available is how many nobody holds.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Available int32 `json:"available"`
}

// Departure is the deletion of a member, without personal data.
type Departure struct {
	// uid of the Member object.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`

	// deletedAt is when the member was deleted.
	//
	// +required
	DeletedAt metav1.Time `json:"deletedAt,omitempty,omitzero"`
}

// FormerMember is what an account remembers of a deleted member: all the personal data that is left of it.
type FormerMember struct {
	// name of the Member object.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// uid of the Member object.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`

	// email of the member when it was deleted.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=254
	Email string `json:"email,omitempty"`

	// role of the member when it was deleted.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Role string `json:"role,omitempty"`

	// deletedAt is when the member was deleted.
	//
	// +required
	DeletedAt metav1.Time `json:"deletedAt,omitempty,omitzero"`
}
