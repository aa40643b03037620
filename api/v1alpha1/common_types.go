// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"strings"
	"time"
)

// Names that Usher puts on objects.
const (
	// MemberFinalizer keeps a deleted Member until its access is withdrawn, what it owns is reassigned, its credentials
	// are deleted and its account has recorded the deletion.
	MemberFinalizer = "usher.dev/member"
	// SeatPoolFinalizer keeps a deleted SeatPool until no Member relies on one of its claims.
	SeatPoolFinalizer = "usher.dev/seats"

	// AccountLabel names the Account that an object belongs to.
	AccountLabel = "usher.dev/account"
	// MemberLabel names the Member that an object belongs to.
	MemberLabel = "usher.dev/member"
	// OwnerLabel on any object names the Member that owns it.
	OwnerLabel = "usher.dev/owner"
	// OrphanAnnotation on a Member, with the value "true", lets it be deleted although it owns something.
	OrphanAnnotation = "usher.dev/orphan"
	// AllowDeletionAnnotation, with the value "true", lets a SeatPool that members have seats of, or an Account with Active members, be
	// deleted: their access ends with it.
	AllowDeletionAnnotation = "usher.dev/allow-deletion"
	// AggregateLabel on a ClusterRole, with the value "true", grants its rules to Usher.
	AggregateLabel = "usher.dev/aggregate-to-manager"
	// MemberUIDAnnotation on a credentials Secret holds the UID of the Member that accepted; see Departure. On a Member it holds
	// the Member's own UID. A Member that is restored from a backup has another UID, and keeps the annotation; it names both then, the
	// latest first and separated by commas.
	MemberUIDAnnotation = "usher.dev/member-uid"
	// FirstMemberAnnotation on a credentials Secret and on a Member says whether the member is its account's first one: "true"
	// or "false". It is written when that is decided, and is not decided again.
	FirstMemberAnnotation = "usher.dev/first-member"
	// SeatPoolAnnotation on a Member names the base SeatPool that it had a seat of when its account got another one, if its spec
	// names none.
	SeatPoolAnnotation = "usher.dev/seat-pool"
	// EmailInUseAnnotation on a Member holds the address in use while another one is not confirmed, so that a restore does not forget it.
	EmailInUseAnnotation = "usher.dev/email-in-use"
	// ConfirmedAnnotation on a credentials Secret identifies the link that the address was confirmed with.
	ConfirmedAnnotation = "usher.dev/confirmed"
	// PasswordResetRequestedAnnotation on a credentials Secret says when the member last asked for a link that sets a new password.
	PasswordResetRequestedAnnotation = "usher.dev/password-reset-requested"
	// PasswordChangedAnnotation on a credentials Secret says when the member last set another password.
	PasswordChangedAnnotation = "usher.dev/password-changed"
	// PasswordMailsAnnotation on a credentials Secret records the mails about these two.
	PasswordMailsAnnotation = "usher.dev/password-mails"
	// PasswordResetUsedAnnotation on a credentials Secret identifies the link that last set a new password.
	PasswordResetUsedAnnotation = "usher.dev/password-reset-used"
	// IncludedSeatsAnnotation on a SeatPool says that the pool has the seats that the plan includes, with the UID that the pool had then.
	// As long as the pool exists, no other one gets them.
	IncludedSeatsAnnotation = "usher.dev/included-seats"
	// KeyIDAnnotation on a credentials Secret names the key that signed it, so that it is signed anew once that key is rotated.
	KeyIDAnnotation = "usher.dev/key-id"
	// ProfileGenerationAnnotation on a credentials Secret counts how often the member has changed their profile.
	ProfileGenerationAnnotation = "usher.dev/profile-generation"
	// TokenRotatedAnnotation on a credentials Secret holds the member's status.disabledAt for which the API token was last
	// replaced.
	TokenRotatedAnnotation = "usher.dev/token-rotated"
)

// MaxCounter is the highest value of the numbers that a status counts up: the highest integer that every JSON client reads exactly.
const MaxCounter = 1<<53 - 1

// Language is one of the languages of Usher's mails and pages, as a BCP 47 tag (RFC 5646). Example: `fr`.
//
// +kubebuilder:validation:Enum=de;en-GB;en-US;es;fr;it;nl
type Language string

// DefaultLanguage is used if neither the Member nor its Account names a language.
const DefaultLanguage Language = "en-GB"

// State is the state that the author of an Account or a Member wants.
//
// +kubebuilder:validation:Enum=Active;Disabled
type State string

const (
	// StateActive asks for access.
	StateActive State = "Active"
	// StateDisabled asks for no access.
	StateDisabled State = "Disabled"
)

// ObservedState is the state that an Account or a Member has.
//
// +kubebuilder:validation:Enum=Pending;Active;Disabled
type ObservedState string

const (
	// ObservedPending means: no access yet, or no longer, until an answer arrives, a seat is free or a problem is fixed.
	ObservedPending ObservedState = "Pending"
	// ObservedActive means: has access.
	ObservedActive ObservedState = "Active"
	// ObservedDisabled means: access was withdrawn on purpose.
	ObservedDisabled ObservedState = "Disabled"
)

// AccountReference names an Account in the same namespace.
//
// +structType=atomic
type AccountReference struct {
	// name is the name of the Account, in the same namespace. Example: `acme`.
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
	// name is the name of the Member, in the same namespace. Example: `ada`.
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
	// name is the name of the Plan. Example: `professional`.
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
	// name is the name of the SeatPool, in the same namespace. Example: `acme-base`.
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
	// name is the name of the Invitation, in the same namespace. Example: `ada`.
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
	// name is the name of the Secret, in the same namespace. Example: `acme-smtp`.
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
	// name is the name of the ConfigMap, in the same namespace. Example: `acme-mails`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// EmailAddress is one plain address, `local@domain`, without a display name: at most 254 bytes (RFC 5321 section
// 4.5.3.1.3 without the angle brackets). Letters outside ASCII are allowed (RFC 6531). Example: `ada@acme.example`.
//
// +kubebuilder:validation:MinLength=3
// +kubebuilder:validation:MaxLength=254
// +kubebuilder:validation:XValidation:rule="self.matches('^[^\\\\s\\\\p{C}\\\\p{Z}@<>()\\\\[\\\\],;:\"\\\\\\\\]+@[^\\\\s\\\\p{C}\\\\p{Z}@<>()\\\\[\\\\],;:\"\\\\\\\\]+$')",message="must be one plain e-mail address such as ada@acme.example, without a display name, spaces or control characters",reason=FieldValueInvalid
// +kubebuilder:validation:XValidation:rule="!self.contains('@') || self.matches('@[0-9A-Za-z\\\\x{80}-\\\\x{10FFFF}]([-0-9A-Za-z\\\\x{80}-\\\\x{10FFFF}]{0,61}[0-9A-Za-z\\\\x{80}-\\\\x{10FFFF}])?([.][0-9A-Za-z\\\\x{80}-\\\\x{10FFFF}]([-0-9A-Za-z\\\\x{80}-\\\\x{10FFFF}]{0,61}[0-9A-Za-z\\\\x{80}-\\\\x{10FFFF}])?)*[.]?$')",message="the domain after @ must consist of labels of 1 to 63 letters, digits and hyphens, separated by one dot each, that neither begin nor end with a hyphen",reason=FieldValueInvalid
// +kubebuilder:validation:XValidation:rule="size(bytes(self)) <= 254",message="must be at most 254 bytes long; letters outside ASCII take more than one",reason=FieldValueInvalid
type EmailAddress string

// Line is one line of text without control characters.
//
// +kubebuilder:validation:XValidation:rule="!self.matches('[\\\\p{Cc}\\\\x{2028}\\\\x{2029}]')",message="must be one line of text without control characters",reason=FieldValueInvalid
type Line string

// TTL is how long a link works: a duration in hours, minutes and seconds from `1m` to `720h`. Example: `72h`. It is a
// string because a metav1.Duration turns `168h` into `168h0m0s`, which GitOps tools report as drift.
//
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(h|m|s))+$') && duration(self) >= duration('1m') && duration(self) <= duration('720h')",message="must be a duration from 1m to 720h, written in hours, minutes and seconds, such as 168h",reason=FieldValueInvalid
type TTL string

// DefaultTTL is how long a link works if neither the Invitation nor the Account says: seven days.
const DefaultTTL = 7 * 24 * time.Hour

// Lead is how long before another moment something happens: a duration in hours, minutes and seconds from `1m` to
// `720h`. Example: `48h`.
//
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(h|m|s))+$') && duration(self) >= duration('1m') && duration(self) <= duration('720h')",message="must be a duration from 1m to 720h, written in hours, minutes and seconds, such as 48h",reason=FieldValueInvalid
type Lead string

// Duration returns the Lead's length, or 0 if the API server would refuse it.
func (l Lead) Duration() time.Duration { return TTL(l).Duration() }

// LeadOf writes a duration in one canonical form, so that 48h and 2880m become the same Lead.
func LeadOf(d time.Duration) Lead {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return Lead(text)
}

// Duration returns the TTL's length, or 0 if it is empty or the API server would refuse it.
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

// AnyRight stands for every right of the plan.
const AnyRight Right = "*"
