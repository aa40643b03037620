// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package credentials says what the Secret looks like whose existence is a member's acceptance.
package credentials

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/labels"
)

// Type of a credentials Secret.
const Type corev1.SecretType = "usher.dev/credentials"

// Keys of a credentials Secret. One that would be empty is left out.
const (
	KeyEmail        = "email"
	KeyAcceptedAt   = "accepted-at" // RFC 3339, UTC
	KeyTermsURL     = "terms-url"
	KeySalutation   = "salutation"
	KeyGivenName    = "given-name"
	KeyFamilyName   = "family-name"
	KeyPhone        = "phone"
	KeyLanguage     = "language"      // chosen by the member in the profile
	KeyPasswordHash = "password-hash" // bcrypt
	KeyAPIToken     = "api-token"
	KeySignature    = "signature" // see Signer
	// KeySessionGeneration counts how often all sessions of the member were ended.
	KeySessionGeneration = "session-generation"
)

const namePrefix = "usher-member-"

// Name of the credentials Secret of a Member.
func Name(member string) string { return namePrefix + member }

// MemberOf is the Member that a Secret of that name holds the credentials of, if it does.
func MemberOf(secret string) (member string, found bool) {
	return strings.CutPrefix(secret, namePrefix)
}

// RestorePause is how long a Secret is kept whose Member or Account does not exist: Secrets are restored first.
const RestorePause = 10 * time.Minute

// KeptUntil returns until when a Secret is kept whose Member or Account does not exist; zero if it need not be. A clock that is behind
// keeps none for longer than the pause.
func KeptUntil(secret metav1.Object, now time.Time) time.Time {
	until := secret.GetCreationTimestamp().Add(RestorePause)
	switch latest := now.Add(RestorePause); {
	case !now.Before(until):
		return time.Time{}
	case latest.Before(until):
		return latest
	}
	return until
}

// Answers are what an invitee gave; all of it is optional for a member that needs no invitation.
type Answers struct {
	// Personal is what the invitee says of themselves.
	Personal Personal
	// TermsURL that was accepted.
	TermsURL string
	// PasswordHash by bcrypt.
	PasswordHash []byte
}

// AddressedTo has the Secret say that it is a Member's, who was restored since.
func AddressedTo(secret *corev1.Secret, member *usherv1.Member) {
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, usherv1.MemberUIDAnnotation, string(member.UID))
}

// Move has the acceptance be for the address in the Member's spec. It is for a Member that needs no invitation: nothing has proven that the
// new address is the same person's, so no password is carried over, and a link that confirmed another address is over.
func Move(secret *corev1.Secret, member *usherv1.Member, signer *Signer) {
	delete(secret.Annotations, usherv1.ConfirmedAnnotation)
	setData(secret, map[string]string{KeyPasswordHash: ""})
	move(secret, member.Spec.Email, signer)
}

// Confirm has the acceptance be for an address whose holder has used the link that was mailed to it; see invite.Confirmation.
func Confirm(secret *corev1.Secret, address usherv1.EmailAddress, confirmation string, signer *Signer) {
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, usherv1.ConfirmedAnnotation, confirmation)
	move(secret, address, signer)
}

func move(secret *corev1.Secret, address usherv1.EmailAddress, signer *Signer) {
	setData(secret, map[string]string{KeyEmail: string(address)})
	signer.Sign(secret)
	countChange(secret)
}

// New returns the acceptance of a Member at now, signed, with an API token of its own. It has no owner: an owner reference to a UID
// from before a restore would have it garbage-collected.
func New(member *usherv1.Member, answers Answers, now time.Time, signer *Signer) *corev1.Secret {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: member.Namespace,
			Name:      Name(member.Name),
			Labels: map[string]string{
				usherv1.AccountLabel: labels.Value(member.Spec.AccountRef.Name),
				usherv1.MemberLabel:  labels.Value(member.Name),
			},
			Annotations: map[string]string{usherv1.MemberUIDAnnotation: string(member.UID)},
		},
		Type: Type,
		Data: map[string][]byte{},
	}
	setData(secret, map[string]string{
		KeyEmail:        string(member.Spec.Email),
		KeyAcceptedAt:   now.UTC().Format(time.RFC3339),
		KeyTermsURL:     answers.TermsURL,
		KeyPasswordHash: string(answers.PasswordHash),
	})
	setPersonal(secret, answers.Personal)
	setToken(secret, member.Status.DisabledAt)
	signer.Sign(secret)
	return secret
}

// TakeOver makes an imported Secret with a password the acceptance of a Member that needs no invitation. It keeps its time, if it says
// one.
func TakeOver(secret *corev1.Secret, member *usherv1.Member, now time.Time, signer *Signer) {
	made := New(member, Answers{}, now, signer)
	if _, err := time.Parse(time.RFC3339, value(secret, KeyAcceptedAt)); err == nil {
		delete(made.Data, KeyAcceptedAt)
	}
	if value(secret, KeyAPIToken) != "" {
		delete(made.Data, KeyAPIToken)
	}
	for key, said := range made.Data {
		setData(secret, map[string]string{key: string(said)})
	}
	for key, said := range made.Labels {
		metav1.SetMetaDataLabel(&secret.ObjectMeta, key, said)
	}
	for key, said := range made.Annotations {
		metav1.SetMetaDataAnnotation(&secret.ObjectMeta, key, said)
	}
	signer.Sign(secret)
}
