// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"strings"
	"time"
)

// Names that Usher puts on objects.
const (
	// MemberFinalizer holds a Member until its access is withdrawn, its credentials are deleted and its account remembers it.
	MemberFinalizer = "usher.dev/member"
	// SeatPoolFinalizer holds a SeatPool until no Member relies on one of its claims.
	SeatPoolFinalizer = "usher.dev/seats"

	// AccountLabel names the Account that an object belongs to.
	AccountLabel = "usher.dev/account"
	// MemberLabel names the Member that an object belongs to.
	MemberLabel = "usher.dev/member"
	// OwnerLabel on any object names the Member that owns it.
	OwnerLabel = "usher.dev/owner"
	// OrphanAnnotation on a Member, with the value "true", lets it be deleted although it owns something.
	OrphanAnnotation = "usher.dev/orphan"
	// AggregateLabel on a ClusterRole, with the value "true", gives its rules to Usher.
	AggregateLabel = "usher.dev/aggregate-to-manager"
	// MemberUIDAnnotation on a credentials Secret tells which Member accepted; see FormerMember.
	MemberUIDAnnotation = "usher.dev/member-uid"
	// ProfileGenerationAnnotation on a credentials Secret counts how often its member has changed their profile.
	ProfileGenerationAnnotation = "usher.dev/profile-generation"
	// TokenRotatedAnnotation on a credentials Secret tells the status.disabledAt of its member for which the API token was replaced.
	TokenRotatedAnnotation = "usher.dev/token-rotated"
)

// Language is one of the languages that Usher's mails and pages are written in, as a BCP 47 tag.
//
// +kubebuilder:validation:Enum=de;en-GB;en-US;es;fr;it;nl
type Language string

// DefaultLanguage is used where neither the Member nor its Account names one.
const DefaultLanguage Language = "en-GB"

// State is what the author of an Account or a Member wants it to be.
//
// +kubebuilder:validation:Enum=Active;Disabled
type State string

const (
	// StateActive wants access.
	StateActive State = "Active"
	// StateDisabled wants no access.
	StateDisabled State = "Disabled"
)

// ObservedState is what an Account or a Member is.
//
// +kubebuilder:validation:Enum=Pending;Active;Disabled
type ObservedState string

const (
	// ObservedPending has no access yet, or not any more until something is answered, freed or fixed.
	ObservedPending ObservedState = "Pending"
	// ObservedActive has access.
	ObservedActive ObservedState = "Active"
	// ObservedDisabled had its access withdrawn on purpose.
	ObservedDisabled ObservedState = "Disabled"
)

// AccountReference names an Account in the same namespace.
//
// +structType=atomic
type AccountReference struct {
	// name of the Account, in the same namespace. Example: `acme`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// MemberReference names a Member in the same namespace.
//
// +structType=atomic
type MemberReference struct {
	// name of the Member, in the same namespace. Example: `ada`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// PlanReference names a Plan, which is cluster-scoped.
//
// +structType=atomic
type PlanReference struct {
	// name of the Plan. Example: `professional`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// SeatPoolReference names a SeatPool in the same namespace.
//
// +structType=atomic
type SeatPoolReference struct {
	// name of the SeatPool, in the same namespace. Example: `acme-base`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// InvitationReference names an Invitation in the same namespace.
//
// +structType=atomic
type InvitationReference struct {
	// name of the Invitation, in the same namespace. Example: `ada`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// SecretReference names a Secret in the same namespace.
//
// +structType=atomic
type SecretReference struct {
	// name of the Secret, in the same namespace. Example: `acme-smtp`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// ConfigMapReference names a ConfigMap in the same namespace.
//
// +structType=atomic
type ConfigMapReference struct {
	// name of the ConfigMap, in the same namespace. Example: `acme-mails`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// EmailAddress is an address as a person writes it: `local@domain`, at most 254 bytes (RFC 5321 section 4.5.3.1.3 less the
// angle brackets), without a display name. Letters outside ASCII are allowed (RFC 6531). Example: `ada@acme.example`.
//
// +kubebuilder:validation:MinLength=3
// +kubebuilder:validation:MaxLength=254
// +kubebuilder:validation:XValidation:rule="self.matches('^[^\\\\s\\\\p{C}\\\\p{Z}@<>()\\\\[\\\\],;:\"\\\\\\\\]+@[^\\\\s\\\\p{C}\\\\p{Z}@<>()\\\\[\\\\],;:\"\\\\\\\\]+$')",message="must be one plain e-mail address such as ada@acme.example, without a display name, spaces or control characters",reason=FieldValueInvalid
// +kubebuilder:validation:XValidation:rule="size(bytes(self)) <= 254",message="must be at most 254 bytes long; letters outside ASCII take more than one",reason=FieldValueInvalid
type EmailAddress string

// Line is one line of text without control characters.
//
// +kubebuilder:validation:XValidation:rule="!self.matches('[\\\\p{Cc}\\\\x{2028}\\\\x{2029}]')",message="must be one line of text without control characters",reason=FieldValueInvalid
type Line string

// TTL is how long a link works: a duration in hours, minutes and seconds from `1m` to `720h`. A string and not a
// metav1.Duration, whose `168h0m0s` for a written `168h` would show up as drift in GitOps tools.
//
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(h|m|s))+$') && duration(self) >= duration('1m') && duration(self) <= duration('720h')",message="must be a duration from 1m to 720h, written in hours, minutes and seconds, such as 168h",reason=FieldValueInvalid
type TTL string

// DefaultTTL is how long a link works where neither the Invitation nor the Account says: seven days.
const DefaultTTL = 7 * 24 * time.Hour

// Lead is how long before something it happens: a duration in hours, minutes and seconds from `1m` to `720h`. Example: `48h`.
//
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(h|m|s))+$') && duration(self) >= duration('1m') && duration(self) <= duration('720h')",message="must be a duration from 1m to 720h, written in hours, minutes and seconds, such as 48h",reason=FieldValueInvalid
type Lead string

// Duration is the Lead's length, or 0 where it was never admitted by the API server.
func (l Lead) Duration() time.Duration { return TTL(l).Duration() }

// LeadOf writes a duration in one way, so that 48h and 2880m are the same Lead.
func LeadOf(d time.Duration) Lead {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return Lead(text)
}

// Duration is the TTL's length, or 0 where it is empty or was never admitted by the API server.
func (t TTL) Duration() time.Duration {
	d, err := time.ParseDuration(string(t))
	if err != nil || d < 0 {
		return 0
	}
	return d
}

// Right is one thing that a member may do, as "resource:verb". Example: `orders:place`.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=127
// +kubebuilder:validation:XValidation:rule="self == '*' || self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?:[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must be resource:verb in lower case, such as orders:place",reason=FieldValueInvalid
type Right string

// AnyRight in a role's rights stands for every right of the plan.
const AnyRight Right = "*"
