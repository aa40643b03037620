// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package expirynotice

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Events report the outcome of notices, once each, after they were written. None contains an address.

func (r *Reconciler) emit(member *usherv1.Member, n *usherv1.EndNotice) {
	to := "the member"
	if n.To == usherv1.NoticeToContact {
		to = "the account's contact"
	}
	switch n.State {
	case usherv1.EndNoticeSent:
		r.Recorder.Eventf(member, nil, corev1.EventTypeNormal, usherv1.ReasonAccessEnding, "Announce",
			"Told %s that access ends at %s", to, n.AccessUntil.UTC().Format(time.RFC3339))
	case usherv1.EndNoticeFailed:
		r.Recorder.Eventf(member, nil, corev1.EventTypeWarning, usherv1.ReasonAccessEnding, "Announce",
			"The mail server refused to tell %s that access ends (%s)", to, n.LastError.Code)
	}
}
