// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/moment"
)

// Outcome returns the status after the attempt that o.Invitation's status claims; a nil failure means that the server accepted
// the mail at now. remind names a reminder; it is empty for the invitation itself.
func Outcome(o Observation, remind usherv1.Lead, failure *delivery.Failure, now time.Time) usherv1.InvitationStatus {
	s := *o.Invitation.Status.DeepCopy()
	if remind == "" {
		concludeInvitation(&s, o, failure, now)
	} else {
		concludeReminder(&s, o, remind, failure, now)
	}
	describe(&s, o, nil, now)
	return s
}

func concludeInvitation(s *usherv1.InvitationStatus, o Observation, failure *delivery.Failure, now time.Time) {
	outcome := delivery.Conclude(o.Invitation.UID, s.Attempts, failure, now)
	s.NextAttemptAt, s.LastError = outcome.NextAttemptAt, outcome.LastError
	switch outcome.Result {
	case delivery.Delivered:
		setSent(s, o, now)
	case delivery.Rejected:
		s.State = usherv1.InvitationFailed
	case delivery.Retry:
		s.State = usherv1.InvitationPending
	}
}

// concludeReminder records the outcome of a reminder. The invitation stays Sent in any case.
func concludeReminder(s *usherv1.InvitationStatus, o Observation, before usherv1.Lead, failure *delivery.Failure, now time.Time) {
	r := reminderOf(s, before)
	outcome := delivery.Conclude(o.Invitation.UID, r.Attempts, failure, now)
	r.NextAttemptAt, s.LastError = outcome.NextAttemptAt, outcome.LastError
	if outcome.Result == delivery.Delivered {
		r.SentAt = &outcome.At
	}
}

// setSent starts the link's lifetime: expiresAt is exactly sentAt plus the ttl, unless the ttl has a fraction of a second.
func setSent(s *usherv1.InvitationStatus, o Observation, now time.Time) {
	s.State = usherv1.InvitationSent
	s.SentAt = moment.Ref(now)
	s.ExpiresAt = moment.Ref(s.SentAt.Add(TTL(o.Invitation, o.Account)))
}
