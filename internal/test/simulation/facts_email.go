// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// observeEmail updates the facts about a member's addresses.
func (f *facts) observeEmail(w *world, m *usherv1.Member, secret *corev1.Secret, now time.Time) {
	f.addresses, f.wanted = withLast(f.addresses, w.inUse(m)), withLast(f.wanted, m.Spec.Email)
	if said := usherv1.EmailAddress(m.Status.Email); w.opensFor(m, m.Status.Email) {
		f.addresses = withLast(f.addresses, said)
	}
	f.changes = f.changes || w.changing(m, now)
	f.immediate = f.immediate || m.Spec.Activation == usherv1.ActivateImmediately
	f.stray = f.stray || w.accepted(m, secret) && strays(m, secret)
	if c := m.Status.EmailChange; c != nil && w.tried(c) && !slices.Contains(f.tried, c.RequestedAt.Unix()) {
		f.tried = append(f.tried, c.RequestedAt.Unix())
	}
}

// withLast returns the keys of addresses with that of another one, unless it is the last.
func withLast(keys []string, address usherv1.EmailAddress) []string {
	if key := address.Key(); len(keys) == 0 || keys[len(keys)-1] != key {
		return append(keys, key)
	}
	return keys
}
