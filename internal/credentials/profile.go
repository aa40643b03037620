// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// SetProfile replaces what the member says of themselves.
func SetProfile(secret *corev1.Secret, said Personal) {
	setPersonal(secret, said)
	countChange(secret)
}

// countChange counts a change in an annotation: the reconcilers do not read a Secret whose metadata has not changed.
func countChange(secret *corev1.Secret) {
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, usherv1.ProfileGenerationAnnotation,
		strconv.FormatInt(ProfileGeneration(secret)+1, 10))
}

func setPersonal(secret *corev1.Secret, said Personal) {
	values := map[string]string{}
	for _, f := range Fields {
		values[f.Key] = said[f.Key]
	}
	setData(secret, values)
}

// ProfileGeneration counts the member's changes of profile and address; 0 if there is no usable count.
func ProfileGeneration(secret metav1.Object) int64 {
	n, err := strconv.ParseInt(secret.GetAnnotations()[usherv1.ProfileGenerationAnnotation], 10, 64)
	if err != nil || n < 0 || n > usherv1.MaxCounter {
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
