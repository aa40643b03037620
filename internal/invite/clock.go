// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"time"

	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/moment"
)

// LongestTTL is how long a link may work at most; the CRDs say the same.
const LongestTTL = 720 * time.Hour

// clockOf judges the times that the Invitation's status records.
func clockOf(o Observation, now time.Time) moment.Clock { return moment.At(now, o.Invitation) }

// longestLease is how far ahead nextAttemptAt can be while the state is Sending: it is the end of a lease, or of a limit on mails that
// still holds.
func longestLease(o Observation, now time.Time) time.Duration {
	if toldNow(o, now) != nil {
		return delivery.LongestWait
	}
	return delivery.SendLease
}

// doubt starts the lifetime of a link that is out again, if a clock that was ahead wrote it: the link would work for as long as that clock
// was ahead.
func (p *Plan) doubt(o Observation, now time.Time) {
	s, clock := &p.Status, clockOf(o, now)
	if s.SentAt != nil && !clock.Believes(s.SentAt.Time, 0) || s.ExpiresAt != nil && !clock.Believes(s.ExpiresAt.Time, LongestTTL) {
		setSent(s, o, now)
	}
}
