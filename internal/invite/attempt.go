// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/moment"
)

// AttemptOf returns the latest attempt at the invitation's own mail that s records, or at its reminder if remind names one.
func AttemptOf(s *usherv1.InvitationStatus, remind usherv1.Lead) delivery.Attempt {
	if remind == "" {
		a := attemptOf(fmt.Sprintf("link %d", s.LinkGeneration), s.Attempts, s.State == usherv1.InvitationSending, s.NextAttemptAt)
		a.Before = s.LastError
		return a
	}
	name := fmt.Sprintf("link %d, reminder %s", s.LinkGeneration, remind)
	r := reminderOf(s, remind)
	if r == nil {
		return delivery.Attempt{Message: name}
	}
	a := attemptOf(name, r.Attempts, s.State == usherv1.InvitationSent && r.SentAt == nil && r.NextAttemptAt != nil, r.NextAttemptAt)
	a.Before = s.LastError
	return a
}

func attemptOf(message string, number int32, open bool, leaseEnd *metav1.Time) delivery.Attempt {
	a := delivery.Attempt{Message: message, Number: number, Open: open}
	if open && leaseEnd != nil {
		a.LeaseEnd = leaseEnd.Time
	}
	return a
}

// ExtendLease moves the end of the lease of the attempt that s records.
func ExtendLease(s *usherv1.InvitationStatus, remind usherv1.Lead, until time.Time) {
	if remind != "" {
		reminderOf(s, remind).NextAttemptAt = moment.Ref(until)
		return
	}
	s.NextAttemptAt = moment.Ref(until)
}
