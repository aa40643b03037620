// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/labels"
	"github.com/usher-dev/usher/internal/moment"
	"github.com/usher-dev/usher/internal/plan"
)

// Credentials is what a credentials Secret says, without the password and the API token.
type Credentials struct {
	// MemberUID of the Member who accepted; empty if the Secret does not say.
	MemberUID string
	// Email that the credentials are for; empty if the Secret does not say.
	Email string
	// AcceptedAt is when the invitee accepted.
	AcceptedAt metav1.Time
	// GivenName and FamilyName as the invitee typed them.
	GivenName, FamilyName string
	// ProfileGeneration counts the member's changes of the profile.
	ProfileGeneration int64
	// TokenRotatedFor is the status.disabledAt of the Member for which the API token was last replaced; zero if it never was.
	TokenRotatedFor time.Time
	// Foreign: Usher did not make the Secret. It has the name of a Member's credentials and another type, and a type cannot be changed.
	Foreign bool
	// Standing is the member's place in its account, if that is decided.
	Standing plan.Standing
	// Signature is whether Usher signed the acceptance.
	Signature Signature
	// HasPassword: there is a password that can be used.
	HasPassword bool
	// Immutable: the API server lets no one change the Secret.
	Immutable bool
	// Problems are why values of the Secret are not used; empty if there are none.
	Problems string
	// Recorded is set if nothing has changed since the Member's status recorded the acceptance. Then only what the metadata says
	// was read, and Email is that of the status: AcceptedAt, MemberUID, ProfileGeneration, TokenRotatedFor and Standing; and Signature is
	// Signed.
	Recorded bool
}

// CanBeAcceptedAt reports whether an acceptance can have come at t: not later than the API server made its Secret. A portal whose clock
// is ahead says otherwise, and the member would wait behind all others for a seat.
func CanBeAcceptedAt(secret metav1.Object, t time.Time) bool {
	made := secret.GetCreationTimestamp()
	return made.IsZero() || moment.Clock{Now: made.Time}.Believes(t, 0)
}

// Read returns what a credentials Secret says; nil if secret is nil. A Secret without a usable time was accepted when it was
// created. A nil signer checks no signature.
func Read(secret *corev1.Secret, signer *Signer) *Credentials {
	if secret == nil {
		return nil
	}
	accepted := secret.CreationTimestamp
	if t, err := time.Parse(time.RFC3339, value(secret, KeyAcceptedAt)); err == nil && CanBeAcceptedAt(secret, t) {
		accepted = moment.Of(t.Local())
	}
	said := Said(secret)
	return &Credentials{
		Foreign:    secret.Type != Type,
		MemberUID:  secret.Annotations[usherv1.MemberUIDAnnotation],
		Email:      value(secret, KeyEmail),
		AcceptedAt: accepted,
		GivenName:  said[KeyGivenName],
		FamilyName: said[KeyFamilyName],

		TokenRotatedFor:   TokenRotatedFor(secret),
		ProfileGeneration: ProfileGeneration(secret),
		Standing:          plan.Recorded(secret.Annotations),

		Signature:   signer.Check(secret),
		HasPassword: PasswordHash(secret) != nil,
		Immutable:   Immutable(secret),
		Problems:    problemsOf(secret),
	}
}

// Acceptance is what credentials under the name of a Member mean for that Member.
type Acceptance int

const (
	// None: there are no credentials.
	None Acceptance = iota
	// Accepted: the Member has accepted, at its present address.
	Accepted
	// AcceptedAtFormerAddress: the Member has accepted, its metadata or status says so, and the address in its spec has changed since. The
	// acceptance counts, and its address stays in use until the new one is confirmed. A Member that needs no invitation confirms nothing: its
	// credentials move at once, and open no session before.
	AcceptedAtFormerAddress
	// OfEarlierMember: a deleted Member of this name left the credentials behind, for example because its form was answered while
	// it was being deleted. They are no acceptance, and must be deleted.
	OfEarlierMember
	// OfAnotherAddress: the form was answered while the address was being corrected, so the wrong person answered. The credentials
	// are no acceptance, and must be deleted.
	OfAnotherAddress
	// NotCredentials: a Secret that Usher did not make has their name. It is no acceptance, and is left alone.
	NotCredentials
	// NotSigned: the Secret has their type, and no valid signature: Usher did not make it, or its key is lost. It is no acceptance, and is
	// left alone.
	NotSigned
	// OfAbsentMember: there is no Member of this name. The credentials may have been restored before their Member, so they must be
	// kept.
	OfAbsentMember
)

// Counts reports whether the Member has accepted.
func (a Acceptance) Counts() bool { return a == Accepted || a == AcceptedAtFormerAddress }

// Blocks reports whether the credentials are no acceptance of the Member and prevent one: a Secret of that name exists until the
// reconcilers delete it or, if Usher did not make it, a user does.
func (a Acceptance) Blocks() bool {
	return a == OfEarlierMember || a == OfAnotherAddress || a.LeftAlone()
}

// LeftAlone reports whether Usher neither believes, nor changes, nor deletes the Secret.
func (a Acceptance) LeftAlone() bool { return a == NotCredentials || a == NotSigned }

// AcceptanceOf says what credentials mean for the member whose name they have. It is the only place that decides this.
//
// c is nil if there is no Secret, and member is nil if there is no Member. account is the member's, or nil if there is none.
//
// A UID that is neither the member's nor that of a member whom the account remembers comes from before a restore: those
// credentials are the member's. Those of a deleted member are, too, if the member was restored (see Member.Is), and not if another was
// created under its name. Credentials that do not say a UID or an address are the member's. While signatures cannot be checked, an
// acceptance that the member's status has recorded counts, and no other. Credentials for another address than spec.email are the member's
// if its status, or its metadata after a restore, says that it had accepted before the address changed.
func AcceptanceOf(c *Credentials, member *usherv1.Member, account *usherv1.Account) Acceptance {
	switch {
	case c == nil:
		return None
	case c.Foreign:
		return NotCredentials
	case c.Signature == Unsigned, c.Signature == Unchecked && (member == nil || member.Status.AcceptedAt == nil):
		return NotSigned
	case leftBehind(c.MemberUID, member, account):
		return OfEarlierMember
	case member == nil:
		return OfAbsentMember
	case c.Email == "" || member.Spec.Email.SameAs(usherv1.EmailAddress(c.Email)):
		return Accepted
	case member.Status.AcceptedAt != nil, usedBefore(c.Email, member):
		return AcceptedAtFormerAddress
	default:
		return OfAnotherAddress
	}
}

// usedBefore reports whether the Member's metadata says that an address was in use when spec.email changed.
func usedBefore(email string, member *usherv1.Member) bool {
	marked := member.Annotations[usherv1.EmailInUseAnnotation]
	return marked != "" && usherv1.EmailAddress(marked).SameAs(usherv1.EmailAddress(email))
}

// OpensSession reports whether the member can sign in with the credentials.
func (a Acceptance) OpensSession(member *usherv1.Member) bool {
	return a == Accepted || a == AcceptedAtFormerAddress && member.Spec.Activation != usherv1.ActivateImmediately
}

// leftBehind reports whether credentials with that UID are those of a deleted member of this name. member is nil if there is none now.
func leftBehind(uid string, member *usherv1.Member, account *usherv1.Account) bool {
	return (member == nil || !member.Is(uid)) && account.Remembers(uid)
}

// MayBeAcceptance reports whether a Secret under the name of a Member's credentials is an acceptance, as far as its metadata tells: that
// has neither its type nor an address. member is nil if there is no Member of this name.
func MayBeAcceptance(secret metav1.Object, member *usherv1.Member, account *usherv1.Account) bool {
	name, ofMember := MemberOf(secret.GetName())
	uid := secret.GetAnnotations()[usherv1.MemberUIDAnnotation]
	made := uid != "" || secret.GetLabels()[usherv1.MemberLabel] == labels.Value(name)
	return ofMember && made && !leftBehind(uid, member, account)
}

// MayBeRestored reports whether a Secret under the name of a Member's credentials is an acceptance from before the Member was restored
// from a backup, as far as its metadata tells.
func MayBeRestored(secret metav1.Object, member *usherv1.Member, account *usherv1.Account) bool {
	return MayBeAcceptance(secret, member, account) && BeforeRestore(secret.GetAnnotations()[usherv1.MemberUIDAnnotation], member)
}

// BeforeRestore reports whether credentials with that UID are from before the Member was restored from a backup. member is nil if it has
// not been restored yet.
func BeforeRestore(uid string, member *usherv1.Member) bool {
	return uid != "" && (member == nil || uid != string(member.UID))
}
