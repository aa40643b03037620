// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"crypto/rand"
	"encoding/base64"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/moment"
)

// apiTokenBytes of randomness are in a member's API token.
const apiTokenBytes = 32

// RotateToken replaces the API token of a Member whose status.disabledAt is disabledAt, and says so in the metadata. It does nothing
// where that is said already.
func RotateToken(secret *corev1.Secret, disabledAt metav1.Time) (rotated bool) {
	if moment.Same(TokenRotatedFor(secret), disabledAt.Time) {
		return false
	}
	setToken(secret, &disabledAt)
	return true
}

// TokenRotatedFor is the status.disabledAt of the Member for which the API token was last replaced; zero if it never was. A token that
// was made after that moment counts as replaced.
func TokenRotatedFor(secret metav1.Object) time.Time {
	moment, err := time.Parse(time.RFC3339, secret.GetAnnotations()[usherv1.TokenRotatedAnnotation])
	if err != nil {
		return time.Time{}
	}
	return moment
}

// setToken makes a new API token: 32 random bytes as base64url (RFC 4648 section 5) without padding.
func setToken(secret *corev1.Secret, disabledAt *metav1.Time) {
	token := make([]byte, apiTokenBytes)
	rand.Read(token) // never fails: the program ends instead
	setData(secret, map[string]string{KeyAPIToken: base64.RawURLEncoding.EncodeToString(token)})
	if disabledAt != nil {
		metav1.SetMetaDataAnnotation(&secret.ObjectMeta, usherv1.TokenRotatedAnnotation, disabledAt.UTC().Format(time.RFC3339))
	}
}
