// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"math"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/moment"
)

const (
	// SendTimeout is after how long a sender gives a conversation up. RFC 5321 section 4.5.3.2 allows a server ten minutes for
	// its reply to the final dot, and a message that is given up before that may well have been delivered.
	SendTimeout = 11 * time.Minute
	// SendLease is for how long a claim, or an extension of it, tells other senders to keep away.
	SendLease = 30 * time.Second
	// RenewEvery is how often a sender extends its lease.
	RenewEvery = 10 * time.Second
)

// Attempt is one attempt at one message, as an object's status records it.
type Attempt struct {
	// Message identifies the message among those of its object.
	Message string
	// Number of the attempt, from 1.
	Number int32
	// Open reports whether the attempt is claimed and has no outcome yet.
	Open bool
	// LeaseEnd is until when its sender is taken to be alive. Zero if the attempt is not open.
	LeaseEnd time.Time
	// Before is how the attempt before failed; nil if that is not recorded.
	Before *usherv1.SendError
}

// Lease returns the end of a lease that begins at now, as a status stores it.
func Lease(now time.Time) *metav1.Time { return moment.Ref(now.Add(SendLease)) }

// Attempted returns the number of the attempt that follows another. It begins again rather than overflow, since two attempts in succession
// must differ.
func Attempted(number int32) int32 {
	if number < 0 || number == math.MaxInt32 {
		return 1
	}
	return number + 1
}

// HangUp returns when the sender ends its conversation, unless it extends the lease before: well before another sender may take
// the attempt over.
func (a Attempt) HangUp() time.Time { return a.LeaseEnd.Add(-RenewEvery / 2) }

// TooLate reports whether the claim took so long to write that the lease may end before its first extension. The message must
// not be sent then.
func (a Attempt) TooLate(now time.Time) bool { return !now.Before(a.LeaseEnd.Add(-2 * RenewEvery)) }

// Continues reports whether a, as recorded now, is still the attempt that claim recorded. A newer link, a revocation, an answer
// or another sender ends an attempt.
func (a Attempt) Continues(claim Attempt) bool {
	return a.Open && a.Message == claim.Message && a.Number == claim.Number
}
