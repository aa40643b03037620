// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Profile is what a member says about themselves. Where the Member's spec says something, that counts.
type Profile struct {
	Salutation, GivenName, FamilyName, Phone string
	// Language of the member's mails and pages; may be empty.
	Language usherv1.Language
}

// ProfileOf returns what the credentials say of the member.
func ProfileOf(secret *corev1.Secret) Profile {
	return Profile{
		Salutation: string(secret.Data[KeySalutation]),
		GivenName:  string(secret.Data[KeyGivenName]),
		FamilyName: string(secret.Data[KeyFamilyName]),
		Phone:      string(secret.Data[KeyPhone]),
		Language:   usherv1.Language(secret.Data[KeyLanguage]),
	}
}

// SetProfile has the credentials say so from now on, and counts it: the reconcilers, which do not read Secrets when nothing
// has changed, see the count.
func SetProfile(secret *corev1.Secret, p Profile) {
	setData(secret, map[string]string{
		KeySalutation: p.Salutation, KeyGivenName: p.GivenName, KeyFamilyName: p.FamilyName, KeyPhone: p.Phone,
		KeyLanguage: string(p.Language),
	})
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, usherv1.ProfileGenerationAnnotation,
		strconv.FormatInt(ProfileGeneration(secret)+1, 10))
}

// ProfileGeneration is how often the member has changed the profile; 0 where nobody counted.
func ProfileGeneration(secret metav1.Object) int64 {
	n, err := strconv.ParseInt(secret.GetAnnotations()[usherv1.ProfileGenerationAnnotation], 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// setData sets keys of a Secret, and removes those that would be empty.
func setData(secret *corev1.Secret, values map[string]string) {
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	for key, value := range values {
		if value == "" {
			delete(secret.Data, key)
		} else {
			secret.Data[key] = []byte(value)
		}
	}
}
