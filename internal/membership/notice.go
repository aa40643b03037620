// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/moment"
)

// notice is what a Member's status records of a mail to a member: an expiry notice, or a mail about a change of address.
type notice struct {
	state                 *usherv1.EndNoticeState
	attempts              *int32
	sentAt, nextAttemptAt **metav1.Time
	lastError             **usherv1.SendError
}

func expiryNotice(n *usherv1.EndNotice) notice {
	return notice{&n.State, &n.Attempts, &n.SentAt, &n.NextAttemptAt, &n.LastError}
}

func changeMail(m *usherv1.EmailChangeMail) notice {
	return notice{&m.State, &m.Attempts, &m.SentAt, &m.NextAttemptAt, &m.LastError}
}

// ended reports whether the mail was sent or given up.
func (n notice) ended() bool {
	return *n.state == usherv1.EndNoticeSent || *n.state == usherv1.EndNoticeFailed
}

// awaits reports whether the mail is being sent, or is not due again yet.
func (n notice) awaits(c moment.Clock) bool {
	longest := delivery.LongestWait
	if *n.state == usherv1.EndNoticeSending {
		longest = delivery.SendLease
	}
	return c.Awaits(*n.nextAttemptAt, longest)
}

// claim makes the record the claim of an attempt.
func (n notice) claim(now time.Time) {
	*n.state = usherv1.EndNoticeSending
	*n.attempts = delivery.Attempted(*n.attempts)
	*n.nextAttemptAt = delivery.Lease(now)
}

// attempt returns the latest attempt; message identifies the mail among those of the Member.
func (n notice) attempt(message string) delivery.Attempt {
	a := delivery.Attempt{
		Message: message, Number: *n.attempts, Open: *n.state == usherv1.EndNoticeSending, Before: *n.lastError,
	}
	if a.Open && *n.nextAttemptAt != nil {
		a.LeaseEnd = (*n.nextAttemptAt).Time
	}
	return a
}

// conclude records how the latest attempt ended; a nil failure means that the server accepted the mail at now.
func (n notice) conclude(member types.UID, failure *delivery.Failure, now time.Time) {
	outcome := delivery.Conclude(member, *n.attempts, failure, now)
	*n.nextAttemptAt, *n.lastError = outcome.NextAttemptAt, outcome.LastError
	switch outcome.Result {
	case delivery.Delivered:
		*n.state, *n.sentAt = usherv1.EndNoticeSent, &outcome.At
	case delivery.Rejected:
		*n.state = usherv1.EndNoticeFailed
	case delivery.Retry:
		*n.state = usherv1.EndNoticePending
	}
}
