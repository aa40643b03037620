// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	"time"

	"golang.org/x/time/rate"
)

// server gives out a server's turns, one interval apart.
type server struct {
	perMinute int
	limiter   *rate.Limiter
}

func newServer(perMinute int) *server {
	return &server{perMinute: perMinute, limiter: rate.NewLimiter(rate.Every(time.Minute/time.Duration(perMinute)), 1)}
}

// turn is when a mail may go. Where turns are given out already for as long as there is, or reserve is not set, none is reserved,
// and it is when to ask again.
func (s *server) turn(now time.Time, reserve bool) (turn time.Time, reserved bool) {
	r := s.limiter.ReserveN(now, 1)
	switch delay := r.DelayFrom(now); {
	case delay == 0, delay <= turnsAhead && reserve:
		return now.Add(delay), true
	case delay > turnsAhead:
		r.CancelAt(now)
		return now.Add(turnsAhead), false
	default:
		r.CancelAt(now)
		return now.Add(delay), false
	}
}

// idle tells whether a server that is not known would give the next turn at the same time.
func (s *server) idle(now time.Time) bool { return s.limiter.TokensAt(now) >= 1 }
