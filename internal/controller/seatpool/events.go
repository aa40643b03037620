// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seatpool

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
)

// Events report transitions, once each, after they were written.

func (r *Reconciler) emit(before, after *usherv1.SeatPool) {
	for kind, reason := range map[string]string{
		usherv1.ConditionFull:            usherv1.ReasonAllSeatsTaken,
		usherv1.ConditionOverCapacity:    usherv1.ReasonSeatsReduced,
		usherv1.ConditionDeletionBlocked: usherv1.ReasonSeatsInUse,
	} {
		c := meta.FindStatusCondition(after.Status.Conditions, kind)
		if c != nil && c.Reason == reason && conditions.Reason(before.Status.Conditions, kind) != reason {
			r.Recorder.Eventf(after, nil, corev1.EventTypeWarning, reason, "Allocate", "%s", c.Message)
		}
	}
}
