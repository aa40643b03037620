// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// An attempt is of an invitation's own mail, where remind is empty, or of the reminder of that point.

// LeaseEnd is until when the sender of the attempt that s is the fence of is believed to be alive.
func LeaseEnd(s *usherv1.InvitationStatus, remind usherv1.Lead) time.Time {
	if remind != "" {
		return reminderOf(s, remind).NextAttemptAt.Time
	}
	return s.NextAttemptAt.Time
}

// HangUp is when the sender of that attempt ends its conversation, unless its lease has been made longer by then: well before
// somebody else may take the attempt over.
func HangUp(s *usherv1.InvitationStatus, remind usherv1.Lead) time.Time {
	return LeaseEnd(s, remind).Add(-RenewEvery / 2)
}

// Extend makes s the fence of the same attempt for longer.
func Extend(s *usherv1.InvitationStatus, remind usherv1.Lead, until time.Time) {
	if remind != "" {
		reminderOf(s, remind).NextAttemptAt = &metav1.Time{Time: until}
		return
	}
	s.NextAttemptAt = &metav1.Time{Time: until}
}

// SameAttempt reports whether inv, as it is now, still is the fence of the attempt that fence was written for. A newer link, a
// revocation or an answer has made that history.
func SameAttempt(inv, fence *usherv1.Invitation, remind usherv1.Lead) bool {
	is, was := &inv.Status, &fence.Status
	if inv.UID != fence.UID || is.LinkGeneration != was.LinkGeneration {
		return false
	}
	if remind == "" {
		return is.State == usherv1.InvitationSending && is.Attempts == was.Attempts
	}
	r := reminderOf(is, remind)
	return is.State == usherv1.InvitationSent && r != nil && r.Attempts == reminderOf(was, remind).Attempts && r.SentAt == nil && r.NextAttemptAt != nil
}
