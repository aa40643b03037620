// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package member

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
)

// Events report transitions, once each, after they were written. None contains an address.

// emit reports a new reason. That a member is being invited is none: the next one follows within seconds, or the Invitation reports why
// not.
func (r *Reconciler) emit(before, after *usherv1.Member) {
	r.emitEmailChange(before, after)
	ready := meta.FindStatusCondition(after.Status.Conditions, usherv1.ConditionReady)
	if ready == nil || ready.Reason == conditions.Reason(before.Status.Conditions, usherv1.ConditionReady) {
		return
	}
	kind := corev1.EventTypeNormal
	if meta.IsStatusConditionTrue(after.Status.Conditions, usherv1.ConditionStalled) {
		kind = corev1.EventTypeWarning
	} else if ready.Reason == usherv1.ReasonInviting {
		return
	}
	r.Recorder.Eventf(after, nil, kind, ready.Reason, "Become"+string(after.Status.State), "%s", ready.Message)
}

// emitEmailChange reports how a change of address goes on.
func (r *Reconciler) emitEmailChange(before, after *usherv1.Member) {
	was := conditions.Reason(before.Status.Conditions, usherv1.ConditionEmailChange)
	is := meta.FindStatusCondition(after.Status.Conditions, usherv1.ConditionEmailChange)
	switch {
	case is == nil && was != "" && before.EmailInUse() != after.EmailInUse():
		r.Recorder.Eventf(after, nil, corev1.EventTypeNormal, usherv1.ReasonEmailChanged, "ChangeAddress",
			"The new address is confirmed and in use")
	case is == nil || is.Reason == was:
	case is.Reason == usherv1.ReasonAwaitingConfirmation:
		r.Recorder.Eventf(after, nil, corev1.EventTypeNormal, is.Reason, "ChangeAddress", "%s", is.Message)
	default:
		r.Recorder.Eventf(after, nil, corev1.EventTypeWarning, is.Reason, "ChangeAddress", "%s", is.Message)
	}
}

func (r *Reconciler) emitTokenRotated(m *usherv1.Member) {
	r.Recorder.Eventf(m, nil, corev1.EventTypeNormal, usherv1.ReasonTokenRotated, "RotateToken",
		"The API token was replaced, since the member was disabled")
}

func (r *Reconciler) emitReassigned(from, to *usherv1.Member, count int) {
	r.Recorder.Eventf(from, to, corev1.EventTypeNormal, usherv1.ReasonReassigned, "Reassign", "Reassigned %d objects to %s", count, to.Name)
}

func (r *Reconciler) emitCredentialsDropped(m *usherv1.Member) {
	r.Recorder.Eventf(m, nil, corev1.EventTypeWarning, usherv1.ReasonCredentialsDropped, "DropCredentials",
		"The credentials of a deleted member of this name were there and are gone, since a deletion is final; to bring the deleted "+
			"member back, restore its Member from the same backup, with the annotation "+usherv1.MemberUIDAnnotation)
}
