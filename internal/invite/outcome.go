// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"encoding/binary"
	"hash/fnv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Pauses between attempts: the first, the first after a server asked us to come back later, and the longest.
const (
	firstPause         = time.Minute
	greylistedPause    = 5 * time.Minute
	longestPause       = time.Hour
	configurationPause = time.Minute
)

// Failure is how an attempt to send ended, if it did not succeed.
type Failure struct {
	Class usherv1.ErrorClass
	// Code as it is shown in status.lastError.
	Code string
	// Greylisted: the server asked to come back later.
	Greylisted bool
}

// Outcome returns the status after the attempt that o.Invitation's status is the fence of; a nil failure means that the server
// accepted the mail at now. remind is the point of a reminder, empty for the invitation itself.
func Outcome(o Observation, remind usherv1.Lead, failure *Failure, now time.Time) usherv1.InvitationStatus {
	if remind != "" {
		return reminderOutcome(o, remind, failure, now)
	}
	s := *o.Invitation.Status.DeepCopy()
	s.NextAttemptAt = nil
	switch {
	case failure == nil:
		setSent(&s, o, now)
		s.LastError = nil
	case failure.Class == usherv1.ErrorPermanent:
		s.State = usherv1.InvitationFailed
		s.LastError = LastError(failure, now)
	default:
		s.State = usherv1.InvitationPending
		s.LastError = LastError(failure, now)
		s.NextAttemptAt = &metav1.Time{Time: now.Add(Pause(o.Invitation.UID, s.Attempts, failure))}
	}
	describe(&s, o, nil, now)
	return s
}

// setSent has the link's time begin. Serialised times have no fractions of a second: cut here, so that expiresAt is sentAt + ttl
// exactly.
func setSent(s *usherv1.InvitationStatus, o Observation, now time.Time) {
	s.State = usherv1.InvitationSent
	sent := now.Truncate(time.Second)
	s.SentAt = &metav1.Time{Time: sent}
	s.ExpiresAt = &metav1.Time{Time: sent.Add(TTL(o.Invitation, o.Account))}
}

// LastError is what a status says of a failure at now.
func LastError(f *Failure, now time.Time) *usherv1.SendError {
	return &usherv1.SendError{Class: f.Class, Code: f.Code, At: metav1.Time{Time: now.Truncate(time.Second)}}
}

// Pause is how long to wait after the given attempt: doubling, up to an hour, 20 % more or less so that a server that comes
// back does not get all mails at once. The same attempt always gets the same pause.
func Pause(uid types.UID, attempt int32, f *Failure) time.Duration {
	if f.Class == usherv1.ErrorConfiguration {
		return configurationPause
	}
	d := firstPause
	if f.Greylisted {
		d = greylistedPause
	}
	for i := int32(1); i < attempt && d < longestPause; i++ {
		d *= 2
	}
	d = min(d, longestPause)
	h := fnv.New64a()
	h.Write(binary.BigEndian.AppendUint32([]byte(uid), uint32(attempt)))
	jitter := float64(h.Sum64()%4001)/10000 - 0.2
	return d + time.Duration(jitter*float64(d))
}
