// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package accountaccess

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
)

// Events report transitions, once each, after they were written.

func (r *Reconciler) emit(before, after *usherv1.Account) {
	ready := meta.FindStatusCondition(after.Status.Conditions, usherv1.ConditionAccessReady)
	if ready.Status == metav1.ConditionFalse && ready.Reason != conditions.Reason(before.Status.Conditions, usherv1.ConditionAccessReady) {
		r.Recorder.Eventf(after, nil, corev1.EventTypeWarning, ready.Reason, "GrantAccess", "%s", ready.Message)
	}
}
