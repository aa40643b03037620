// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// credentialsType is the type of a credentials Secret.
const credentialsType corev1.SecretType = "usher.dev/credentials"

// Keys of a credentials Secret. One that would be empty is left out.
const (
	keyEmail        = "email"
	keyAcceptedAt   = "accepted-at"
	keyTermsURL     = "terms-url"
	keySalutation   = "salutation"
	keyGivenName    = "given-name"
	keyFamilyName   = "family-name"
	keyPhone        = "phone"
	keyPasswordHash = "password-hash"
	keyAPIToken     = "api-token"
)

// apiTokenBytes of randomness are in a member's API token.
const apiTokenBytes = 32

func credentialsName(member string) string { return "usher-member-" + member }

// newCredentials is the acceptance of the visit's member at now.
func newCredentials(v *visit, answers answers, passwordHash []byte, now time.Time) *corev1.Secret {
	token := make([]byte, apiTokenBytes)
	rand.Read(token) // never fails: the program ends instead
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: v.member.Namespace,
			Name:      credentialsName(v.member.Name),
			Labels: map[string]string{
				usherv1.AccountLabel: labelValue(v.account.Name),
				usherv1.MemberLabel:  labelValue(v.member.Name),
			},
			Annotations: map[string]string{usherv1.MemberUIDAnnotation: string(v.member.UID)},
		},
		Type: credentialsType,
		Data: map[string][]byte{keyPasswordHash: passwordHash},
	}
	for key, value := range map[string]string{
		keyEmail:      string(v.member.Spec.Email),
		keyAcceptedAt: now.UTC().Format(time.RFC3339),
		keyTermsURL:   string(v.account.Spec.TermsURL),
		keySalutation: answers.salutation,
		keyGivenName:  answers.givenName,
		keyFamilyName: answers.familyName,
		keyPhone:      answers.phone,
		keyAPIToken:   base64.RawURLEncoding.EncodeToString(token),
	} {
		if value != "" {
			secret.Data[key] = []byte(value)
		}
	}
	return secret
}

// labelValue is name, or where it is too long for a label its beginning and a hash of the whole.
func labelValue(name string) string {
	const hashed = 8
	if len(name) <= validation.LabelValueMaxLength {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:validation.LabelValueMaxLength-hashed-1] + "-" + hex.EncodeToString(sum[:])[:hashed]
}
