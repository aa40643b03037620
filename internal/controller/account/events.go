// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package account

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
)

// Events report transitions, once each, after they were written.

func (r *Reconciler) emit(before, after *usherv1.Account) {
	if before.Status.State != after.Status.State {
		r.Recorder.Eventf(after, nil, corev1.EventTypeNormal, conditions.Reason(after.Status.Conditions, string(after.Status.State)),
			"Become"+string(after.Status.State), "The account is %s", after.Status.State)
	}
	templates := meta.FindStatusCondition(after.Status.Conditions, usherv1.ConditionTemplatesReady)
	if templates != nil && templates.Status == metav1.ConditionFalse &&
		templates.Reason != conditions.Reason(before.Status.Conditions, usherv1.ConditionTemplatesReady) {
		r.Recorder.Eventf(after, nil, corev1.EventTypeWarning, templates.Reason, "ReadTemplates", "%s", templates.Message)
	}
	lost := meta.FindStatusCondition(after.Status.Conditions, usherv1.ConditionNoAdmin)
	if lost != nil && !meta.IsStatusConditionTrue(before.Status.Conditions, usherv1.ConditionNoAdmin) {
		r.Recorder.Eventf(after, nil, corev1.EventTypeWarning, lost.Reason, "LoseAdmin", "%s", lost.Message)
	}
	access := meta.FindStatusCondition(after.Status.Conditions, usherv1.ConditionAccessReady)
	if access != nil && access.Status == metav1.ConditionFalse &&
		access.Reason != conditions.Reason(before.Status.Conditions, usherv1.ConditionAccessReady) {
		r.Recorder.Eventf(after, nil, corev1.EventTypeWarning, access.Reason, "GrantAccess", "%s", access.Message)
	}
	mail := meta.FindStatusCondition(after.Status.Conditions, usherv1.ConditionMailReady)
	if mail == nil || mail.Reason == conditions.Reason(before.Status.Conditions, usherv1.ConditionMailReady) {
		return
	}
	if mail.Reason == usherv1.ReasonMailReady {
		r.Recorder.Eventf(after, nil, corev1.EventTypeNormal, "MailReady", "ProbeMailServer", "The mail server answered")
	} else {
		r.Recorder.Eventf(after, nil, corev1.EventTypeWarning, mail.Reason, "ProbeMailServer", "%s", mail.Message)
	}
}
