// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Actions of a user who has a Secret of a name that Usher would use: the credentials of the member Name, or the password file Name.
const (
	Squat Action = "squat"
	Leave Action = "leave"
)

// keyOfUser is in the Secrets that a user made.
const keyOfUser = "of-a-user"

// squatted is the key of the Secret that a step is about.
func squatted(s Step) types.NamespacedName {
	if s.Name == "passwords" {
		return named(s.Name)
	}
	return named("usher-member-" + s.Name)
}

func (w *world) squat(s Step) bool {
	secret := &corev1.Secret{Type: corev1.SecretTypeOpaque, Data: map[string][]byte{keyOfUser: []byte("x")}}
	secret.Namespace, secret.Name = squatted(s).Namespace, squatted(s).Name
	if !w.make(secret) {
		return false
	}
	w.counts.Squats++
	return true
}

func (w *world) leave(s Step) bool {
	secret, _ := w.api.get(secrets, squatted(s)).(*corev1.Secret)
	return ofUser(secret) && w.api.Delete(secrets, squatted(s), nil) == nil
}

// ofUser reports whether a user made a Secret.
func ofUser(secret *corev1.Secret) bool { return secret != nil && secret.Data[keyOfUser] != nil }

// checkOfUser: Usher changes and deletes no Secret that a user made.
func (w *world) checkOfUser(c change) {
	if was, _ := c.before.(*corev1.Secret); w.actor != nil && ofUser(was) {
		w.violated("foreign-untouched", "Usher changed or deleted Secret %s, which a user made", was.Name)
	}
}
