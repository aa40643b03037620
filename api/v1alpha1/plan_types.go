// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PurchasePolicy says whether seats can be bought in addition to those that a plan includes.
//
// +kubebuilder:validation:Enum=Allowed;NotAllowed
type PurchasePolicy string

const (
	// PurchaseAllowed lets an account buy seats.
	PurchaseAllowed PurchasePolicy = "Allowed"
	// PurchaseNotAllowed limits an account to the seats that its plan includes.
	PurchaseNotAllowed PurchasePolicy = "NotAllowed"
)

// PlanSpec describes what an account on the plan gets, and what it may buy.
//
// +kubebuilder:validation:XValidation:rule="self.roles.exists(r, r.name == self.defaultRole)",message="defaultRole must be one of the plan's roles; add the role to spec.roles, or name another",fieldPath=".defaultRole",reason=FieldValueInvalid
// +kubebuilder:validation:XValidation:rule="!has(self.ownerRole) || self.roles.exists(r, r.name == self.ownerRole)",message="ownerRole must be one of the plan's roles; add the role to spec.roles, or name another",fieldPath=".ownerRole",reason=FieldValueInvalid
// +kubebuilder:validation:XValidation:rule="!has(self.invitedRole) || self.roles.exists(r, r.name == self.invitedRole)",message="invitedRole must be one of the plan's roles; add the role to spec.roles, or name another",fieldPath=".invitedRole",reason=FieldValueInvalid
// +kubebuilder:validation:XValidation:rule="self.roles.all(r, !has(r.rights) || r.rights.all(x, x == '*' || (has(self.rights) && self.rights.exists(v, v.name == x))))",message="a role's rights must be among the plan's rights; add the missing right to spec.rights, or use * for all",fieldPath=".roles",reason=FieldValueInvalid
type PlanSpec struct {
	// displayName is the plan's name as people read it. Example: `Professional`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	DisplayName Line `json:"displayName,omitempty"`

	// includedSeats is how many seats of the base product come with the plan: 0 (default) to 10000. They go to the
	// account's oldest base SeatPool.
	//
	// +optional
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	IncludedSeats *int32 `json:"includedSeats,omitempty"`

	// seatPurchase says whether an account may buy additional seats of the base product. Default: any number at any time.
	//
	// +optional
	// +kubebuilder:default={}
	SeatPurchase SeatPurchase `json:"seatPurchase,omitempty,omitzero"`

	// addOns are what accounts on the plan can have in addition to the base product. Default: none.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	AddOns []PlanAddOn `json:"addOns,omitempty"`

	// rights are all rights that roles and members of the plan can have. Default: none.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Rights []PlanRight `json:"rights,omitempty"`

	// roles are the roles that members can have: 1 to 16.
	//
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Roles []PlanRole `json:"roles,omitempty"`

	// defaultRole is the role of members whose spec names none. Example: `salesrep`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	DefaultRole string `json:"defaultRole,omitempty"`

	// ownerRole is the role of an account's first member if its spec names none. Default: defaultRole. Example: `admin`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	OwnerRole string `json:"ownerRole,omitempty"`

	// invitedRole is the role of every member until it has accepted, whatever its spec says. Default: none; the role in
	// the member's spec applies from the start. Example: `salesrep`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	InvitedRole string `json:"invitedRole,omitempty"`

	// restrictedMessage is the text that tells a member who lacks a right whom to ask, by language. `{owner}` stands for
	// the address of the account's owner; there are no other placeholders. A missing language falls back to the account's,
	// then to en-GB, then to the alphabetically first. Default: a sentence of Usher's own. Example: `{"en-GB": "Your
	// access is restricted. Contact {owner}."}`.
	//
	// +optional
	// +mapType=granular
	// +kubebuilder:validation:MaxProperties=7
	// +kubebuilder:validation:XValidation:rule="self.all(k, k in ['de', 'en-GB', 'en-US', 'es', 'fr', 'it', 'nl'])",message="keys must be languages: de, en-GB, en-US, es, fr, it or nl",reason=FieldValueInvalid
	RestrictedMessage map[string]RestrictedMessage `json:"restrictedMessage,omitempty"`

	// ownedResources are the namespaced kinds of objects that members can own, by the label usher.dev/owner. A member that
	// owns any is not deleted until another member owns them. Default: none.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	OwnedResources []OwnedResource `json:"ownedResources,omitempty"`
}

// RestrictedMessage is the text that tells a member who lacks a right whom to ask.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=500
// +kubebuilder:validation:XValidation:rule="self.matches('^([^{}]|[{]owner[}])*$')",message="must not contain braces, except in the placeholder {owner}",reason=FieldValueInvalid
type RestrictedMessage string

// SeatPurchase says whether and when seats can be bought.
type SeatPurchase struct {
	// policy is `Allowed` (default) or `NotAllowed`.
	//
	// +optional
	// +kubebuilder:default=Allowed
	Policy PurchasePolicy `json:"policy,omitempty"`

	// maximum is the most seats that can be bought in one SeatPool, not counting included seats: 0 to 10000 (default).
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	Maximum *int32 `json:"maximum,omitempty"`

	// whenFull lets an account add seats to a SeatPool only while every seat of it is assigned. The seats that a new
	// SeatPool is created with count at once. Default: false; seats can be added at any time.
	//
	// +optional
	WhenFull *bool `json:"whenFull,omitempty"`
}

// PlanAddOn is something that an account can have in addition to the base product.
type PlanAddOn struct {
	// name is the add-on's name, as spec.addOns of an Account and spec.addOn of a SeatPool use it. Example: `pipelines`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must be lower-case letters, digits and hyphens, such as pipelines",reason=FieldValueInvalid
	Name string `json:"name,omitempty"`

	// displayName is the add-on's name as people read it. Default: its name. Example: `Pipelines`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	DisplayName Line `json:"displayName,omitempty"`

	// includedSeats is how many seats come with the add-on: 0 (default) to 10000. They go to the account's oldest SeatPool
	// of the add-on.
	//
	// +optional
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	IncludedSeats *int32 `json:"includedSeats,omitempty"`

	// seatPurchase says whether an account may buy additional seats of the add-on. Default: any number at any time.
	//
	// +optional
	// +kubebuilder:default={}
	SeatPurchase SeatPurchase `json:"seatPurchase,omitempty,omitzero"`
}

// PlanRight is one right that a plan defines.
type PlanRight struct {
	// name is the right, as "resource:verb". Example: `orders:place`.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self != '*'",message="must name one right as resource:verb, such as orders:place; * is not allowed here",reason=FieldValueInvalid
	Name Right `json:"name,omitempty"`

	// description says what the right allows. Default: none. Example: `Place orders`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	Description Line `json:"description,omitempty"`
}

// PlanRole is a named set of rights.
type PlanRole struct {
	// name is the role's name, as spec.role of a Member uses it. Example: `salesrep`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must be lower-case letters, digits and hyphens, such as admin",reason=FieldValueInvalid
	Name string `json:"name,omitempty"`

	// accountAdmin lets members with this role manage the account's members and invitations. Admission keeps an account
	// from losing its last such member. Default: false.
	//
	// +optional
	AccountAdmin *bool `json:"accountAdmin,omitempty"`

	// rights are those of the plan that the role has; `*` stands for all of them. Default: none. Example:
	// `["orders:place"]`.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Rights []Right `json:"rights,omitempty"`

	// clusterRoles are bound to members with this role, in the account's namespace. Usher needs the verb bind on each; see
	// docs/access.md. Default: none. Example: `["acme-admin"]`.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	ClusterRoles []string `json:"clusterRoles,omitempty"`
}

// OwnedResource is a kind of objects that members can own.
type OwnedResource struct {
	// apiVersion is the API group and version of the kind. Example: `crm.example/v1`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=316
	APIVersion string `json:"apiVersion,omitempty"`

	// kind is the name of the kind. Example: `Deal`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind,omitempty"`
}

// PlanStatus is the state of a plan as Usher last observed it.
type PlanStatus struct {
	// observedGeneration is the metadata.generation that this status describes; -1 before the first observation.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions are Ready; Reconciling and Stalled while they are True.
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

// Plan is what the platform sells: included seats, what can be bought, roles and rights. It is cluster-scoped, and the
// platform team writes it, not the accounts that are on it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=usher
// +kubebuilder:printcolumn:name="Display",type=string,JSONPath=`.spec.displayName`
// +kubebuilder:printcolumn:name="Included",type=integer,JSONPath=`.spec.includedSeats`
// +kubebuilder:printcolumn:name="Purchase",type=string,JSONPath=`.spec.seatPurchase.policy`
// +kubebuilder:printcolumn:name="Default-Role",type=string,JSONPath=`.spec.defaultRole`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
type Plan struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata: name, labels and so on.
	//
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec describes what accounts on the plan get.
	//
	// +required
	Spec PlanSpec `json:"spec,omitempty,omitzero"`

	// status is the state of the plan as Usher last observed it. If it is lost, Usher computes it again.
	//
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	// +structType=atomic
	Status PlanStatus `json:"status,omitempty,omitzero"`
}

// PlanList is a list of Plans.
//
// +kubebuilder:object:root=true
type PlanList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Plan `json:"items"`
}
