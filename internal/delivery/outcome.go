// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"encoding/binary"
	"hash/fnv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/moment"
)

// Backoff between attempts: the first pause, the first pause after greylisting, the longest, and the one after a failure of the
// server that concerns every message.
const (
	firstPause         = time.Minute
	greylistedPause    = 5 * time.Minute
	longestPause       = time.Hour
	configurationPause = time.Minute
)

// Failure is why an attempt did not deliver its message.
type Failure struct {
	Class usherv1.ErrorClass
	// Code as status.lastError shows it.
	Code string
	// Greylisted reports whether the server asked to come back later.
	Greylisted bool
	// Provisional reports whether a permanent refusal may be of the sender and not of the recipient: it is asked for once more.
	Provisional bool
}

// Result is what an outcome means for the message.
type Result int

const (
	// Delivered: the server accepted the message.
	Delivered Result = iota
	// Retry: another attempt is due at Outcome.NextAttemptAt.
	Retry
	// Rejected: the server refused the message permanently.
	Rejected
)

// Outcome is what to record of a finished attempt.
type Outcome struct {
	Result Result
	// At is when the attempt ended, as a status stores it.
	At metav1.Time
	// NextAttemptAt is when the next attempt is due; nil unless Result is Retry.
	NextAttemptAt *metav1.Time
	// LastError describes the failure; nil if there was none.
	LastError *usherv1.SendError
}

// Conclude returns the outcome of attempt number at a message of the object uid. A nil failure means that the server accepted
// the message at now.
func Conclude(uid types.UID, number int32, failure *Failure, now time.Time) Outcome {
	o := Outcome{At: moment.Of(now)}
	if failure == nil {
		return o
	}
	o.LastError = &usherv1.SendError{Class: failure.Class, Code: failure.Code, At: o.At}
	if failure.Class == usherv1.ErrorPermanent && !failure.Provisional {
		o.Result = Rejected
		return o
	}
	o.Result = Retry
	o.NextAttemptAt = moment.Ref(now.Add(Pause(uid, number, failure)))
	return o
}

// Pause returns how long to wait after an attempt failed: a minute (five after greylisting), doubling up to an hour (but not after a
// provisional refusal), plus or minus 20 % so that a server that recovers is not met by all senders at once. It is a function of its
// arguments, so that two operators compute the same pause.
func Pause(uid types.UID, attempt int32, f *Failure) time.Duration {
	if f.Class == usherv1.ErrorConfiguration {
		return configurationPause
	}
	d := firstPause
	if f.Greylisted {
		d = greylistedPause
	}
	for i := int32(1); i < attempt && d < longestPause && !f.Provisional; i++ {
		d *= 2
	}
	d = min(d, longestPause)
	h := fnv.New64a()
	h.Write(binary.BigEndian.AppendUint32([]byte(uid), uint32(attempt)))
	jitter := float64(h.Sum64()%4001)/10000 - 0.2
	return d + time.Duration(jitter*float64(d))
}
