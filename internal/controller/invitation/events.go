// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invitation

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/invite"
)

// Events report transitions, once each, after they were written. None contains an address.

// emit reports what keeps an invitation from its member. How an invitation goes otherwise, the member's own Events report.
func (r *Reconciler) emit(before, after *usherv1.Invitation) {
	ready := meta.FindStatusCondition(after.Status.Conditions, usherv1.ConditionReady)
	if ready == nil {
		return
	}
	if invite.Waits(&after.Status) {
		if ready.Reason != conditions.Reason(before.Status.Conditions, usherv1.ConditionReady) {
			r.Recorder.Eventf(after, nil, corev1.EventTypeNormal, ready.Reason, "Invite", "%s", ready.Message)
		}
		return
	}
	failed := after.Status.State == usherv1.InvitationFailed ||
		after.Status.State == usherv1.InvitationPending && after.Status.LastError != nil
	if failed && before.Status.State != after.Status.State {
		r.Recorder.Eventf(after, nil, corev1.EventTypeWarning, string(after.Status.State), "Invite", "%s", ready.Message)
	}
}

func (r *Reconciler) emitReminder(after *usherv1.Invitation, remind usherv1.Lead, failure *delivery.Failure) {
	switch {
	case remind == "":
	case failure == nil:
		r.Recorder.Eventf(after, nil, corev1.EventTypeNormal, usherv1.ReasonReminded, "Remind",
			"The mail server accepted the reminder of %s before the end", remind)
	default:
		r.Recorder.Eventf(after, nil, corev1.EventTypeWarning, usherv1.ReasonReminderFailed, "Remind",
			"The reminder of %s before the end failed (%s, %s)", remind, failure.Class, failure.Code)
	}
}
