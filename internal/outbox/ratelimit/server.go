// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	"time"

	"golang.org/x/time/rate"
)

// server makes reservations at a mail server, one interval apart.
type server struct {
	perMinute int
	limiter   *rate.Limiter
}

func newServer(perMinute int) *server {
	return &server{perMinute: perMinute, limiter: rate.NewLimiter(rate.Every(time.Minute/time.Duration(perMinute)), 1)}
}

// reserve returns when a mail may go. If the reservations already reach as far ahead as they may, or wait is not set, it reserves
// nothing and returns when to ask again.
func (s *server) reserve(now time.Time, wait bool) (at time.Time, reserved bool) {
	r := s.limiter.ReserveN(now, 1)
	switch delay := r.DelayFrom(now); {
	case delay == 0, delay <= reserveAhead && wait:
		return now.Add(delay), true
	case delay > reserveAhead:
		r.CancelAt(now)
		return now.Add(reserveAhead), false
	default:
		r.CancelAt(now)
		return now.Add(delay), false
	}
}

// idle reports whether a new server would behave the same, so that this one can be dropped.
func (s *server) idle(now time.Time) bool { return s.limiter.TokensAt(now) >= 1 }
