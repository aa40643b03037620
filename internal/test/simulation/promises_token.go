// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	corev1 "k8s.io/api/core/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
)

// checkToken: an API token is replaced by the member's reconciler alone, while the member is not Active, once for each time that it
// was disabled.
func (w *world) checkToken(m *usherv1.Member, was, is *corev1.Secret) {
	moment := credentials.TokenRotatedFor(is)
	switch {
	case w.actor == nil || w.actor.on != members:
		w.violated("first-answer-stands", "the credentials of member %s were replaced", m.Name)
	case m.Status.State == usherv1.ObservedActive:
		w.violated("token-of-the-active", "the API token of member %s, who is Active, was replaced", m.Name)
	case m.Status.DisabledAt == nil || !moment.Equal(m.Status.DisabledAt.Time) || moment.Equal(credentials.TokenRotatedFor(was)):
		w.violated("token-once", "the API token of member %s was replaced for %s, and it is disabled since %s",
			m.Name, moment, m.Status.DisabledAt)
	}
	w.counts.Rotations++
}

// checkSeatAfterToken: a member that was disabled gives its seat back, or is Active again, with another API token than it had.
func (w *world) checkSeatAfterToken(was, is *usherv1.Member) {
	secret := w.credentials(is.Name)
	if was.Status.DisabledAt == nil || secret == nil || !w.accepted(is, secret) || is.DeletionTimestamp != nil {
		return
	}
	back := was.Status.State != usherv1.ObservedActive && is.Status.State == usherv1.ObservedActive
	gaveBack := was.Status.State == usherv1.ObservedDisabled && was.Status.ActivatedAt != nil && holdsBase(was) && !holdsBase(is) &&
		w.claims(was)
	if (back || gaveBack) && !credentials.TokenRotatedFor(secret).Equal(was.Status.DisabledAt.Time) {
		w.violated("token-before-seat", "member %s is %s, seat %t, and has the API token that it had before it was disabled",
			is.Name, is.Status.State, holdsBase(is))
	}
}

// claims reports whether the ledger has a claim for the base seat that a member holds; false if the pool is gone.
func (w *world) claims(m *usherv1.Member) bool {
	for _, s := range m.Status.Seats {
		if p := w.pool(s.Pool); s.AddOn == "" && s.Held() && p != nil && string(p.UID) == s.PoolUID &&
			p.Status.Claims[string(m.UID)] > s.ReleasedGrant {
			return true
		}
	}
	return false
}
