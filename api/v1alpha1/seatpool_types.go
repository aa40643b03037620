// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reservation is the moment from which a member holds a seat.
//
// +kubebuilder:validation:Enum=OnInvitation;OnAcceptance
type Reservation string

const (
	// ReserveOnInvitation invites a member only while it holds a seat.
	ReserveOnInvitation Reservation = "OnInvitation"
	// ReserveOnAcceptance gives a member a seat after it accepts, if one is free.
	ReserveOnAcceptance Reservation = "OnAcceptance"
)

// SeatPoolSpec says how many seats were bought, and for what.
//
// +kubebuilder:validation:XValidation:rule="has(self.addOn) == has(oldSelf.addOn) && (!has(self.addOn) || self.addOn == oldSelf.addOn)",message="addOn cannot be changed; create another SeatPool",fieldPath=".addOn",reason=FieldValueInvalid
type SeatPoolSpec struct {
	// accountRef names the Account that the seats belong to. It cannot be changed.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="accountRef cannot be changed; create another SeatPool",reason=FieldValueInvalid
	AccountRef AccountReference `json:"accountRef,omitempty,omitzero"`

	// seats is how many seats were bought, in addition to those that the plan includes: 0 (default) to 10000. `kubectl
	// scale seatpool NAME --replicas=20` sets it. Lowering it below the number of claims takes no seat away: Usher grants
	// no more seats until enough are given back.
	//
	// +optional
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	Seats *int32 `json:"seats,omitempty"`

	// addOn is the add-on that the seats are for. It cannot be changed. Default: none; the seats are for the base product.
	// Example: `pipelines`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must be lower-case letters, digits and hyphens, such as pipelines",reason=FieldValueInvalid
	AddOn string `json:"addOn,omitempty"`

	// reservation is `OnInvitation` (default: a member is invited only while it holds a seat) or `OnAcceptance` (every
	// member is invited, and gets a seat after accepting, if one is free).
	//
	// +optional
	// +kubebuilder:default=OnInvitation
	Reservation Reservation `json:"reservation,omitempty"`
}

// SeatPoolStatus is the ledger and its totals.
type SeatPoolStatus struct {
	// observedGeneration is the metadata.generation that this status describes; -1 before the first observation.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// included is the number of seats that the plan or the add-on includes; 0 unless this is the account's oldest pool of
	// its sort.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	Included int32 `json:"included,omitempty"`

	// capacity is the number of seats: included, plus those of spec.seats that the plan lets count.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=20000
	Capacity *int32 `json:"capacity,omitempty"`

	// assigned is the number of claims of Active members.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Assigned *int32 `json:"assigned,omitempty"`

	// reserved is the number of claims of members that are not Active.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Reserved *int32 `json:"reserved,omitempty"`

	// available is the number of claims that can be added: capacity less claims, never below 0. The ledger holds at most
	// 10000 claims.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Available *int32 `json:"available,omitempty"`

	// waiting is the number of members that want a seat and have none.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Waiting *int32 `json:"waiting,omitempty"`

	// lastGrant is the highest grant number given so far.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	LastGrant int64 `json:"lastGrant,omitempty"`

	// claims is the ledger: from a Member's UID to the number of its grant. Only a claim makes a seat the member's. The
	// API server refuses a ledger that grows beyond the capacity.
	//
	// +optional
	// +mapType=atomic
	// +kubebuilder:validation:MaxProperties=10000
	Claims map[string]int64 `json:"claims,omitempty"`

	// conditions are Ready, Full and OverCapacity; DeletionBlocked, Reconciling and Stalled while they are True.
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

// SeatPool is a number of seats of one Account, for the base product or for one add-on.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.seats,statuspath=.status.capacity
// +kubebuilder:resource:shortName=sp,categories=usher
// +kubebuilder:selectablefield:JSONPath=`.spec.accountRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.addOn`
// +kubebuilder:printcolumn:name="Account",type=string,JSONPath=`.spec.accountRef.name`
// +kubebuilder:printcolumn:name="Add-On",type=string,JSONPath=`.spec.addOn`
// +kubebuilder:printcolumn:name="Capacity",type=integer,JSONPath=`.status.capacity`
// +kubebuilder:printcolumn:name="Assigned",type=integer,JSONPath=`.status.assigned`
// +kubebuilder:printcolumn:name="Reserved",type=integer,JSONPath=`.status.reserved`
// +kubebuilder:printcolumn:name="Available",type=integer,JSONPath=`.status.available`
// +kubebuilder:printcolumn:name="Waiting",type=integer,JSONPath=`.status.waiting`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:validation:XValidation:rule="!has(self.status) || !has(self.status.claims) || (has(oldSelf.status) && has(oldSelf.status.claims) && size(self.status.claims) <= size(oldSelf.status.claims)) || (has(self.status.capacity) && size(self.status.claims) <= self.status.capacity && size(self.status.claims) <= (has(self.spec.seats) ? self.spec.seats : 0) + (has(self.status.included) ? self.status.included : 0))",message="the ledger cannot grow beyond the pool's capacity; raise spec.seats to make room",fieldPath=".status.claims",reason=FieldValueForbidden
type SeatPool struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata: name, namespace, labels and so on.
	//
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec says what was bought.
	//
	// +required
	Spec SeatPoolSpec `json:"spec,omitempty,omitzero"`

	// status is the ledger and its totals. If it is lost, Usher rebuilds it from what the members hold.
	//
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	// +structType=atomic
	Status SeatPoolStatus `json:"status,omitempty,omitzero"`
}

// SeatPoolList is a list of SeatPools.
//
// +kubebuilder:object:root=true
type SeatPoolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SeatPool `json:"items"`
}
