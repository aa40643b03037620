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
	bookings  *bookings
}

func newServer(perMinute int) *server {
	s := &server{perMinute: perMinute, bookings: newBookings()}
	s.limiter = rate.NewLimiter(rate.Every(s.interval()), 1)
	return s
}

func (s *server) interval() time.Duration { return time.Minute / time.Duration(s.perMinute) }

// book returns when a mail may go, as reserve does. A share that has fewer reservations than another gets an earlier one of that. The
// mail that had it is moved to the end, or has lost its reservation if there is no room: then moved.at is zero.
func (s *server) book(m Mail, now time.Time, wait bool) (at time.Time, reserved bool, moved *booking) {
	s.bookings.prune(now.Add(-reservationLasts))
	at, reserved = s.reserve(now, wait)
	if !now.Before(at) {
		return at, reserved, nil
	}
	end := booking{at: at, id: m.ID, share: m.Share}
	if i, found := s.bookings.yields(m.Share, now, s.interval()); found {
		had, has := s.bookings.replace(i, m.ID, m.Share)
		at, end.id, end.share = has.at, had.id, had.share
		moved = &booking{id: had.id, share: had.share}
		if !reserved {
			return at, true, moved
		}
		moved.at = end.at
	}
	if reserved {
		s.bookings.add(end)
	}
	return at, reserved, moved
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
