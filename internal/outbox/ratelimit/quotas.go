// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package ratelimit

import "time"

const (
	// quotaHours is the window of a quota, delivery.QuotaWindow, in hours. A mail counts until as many hours have passed as whole ones.
	quotaHours = 24
	// accountsCounted is how many quotas all accounts of a namespace have together: a tenant gains little by making more accounts.
	accountsCounted = 10
	// urgentPart is which part of the quota urgent mails have besides.
	urgentPart = 10
)

// quotas are the mails of each account and of each namespace through the default Secret.
type quotas map[string]*hourly

// hourly counts mails by the hour of Unix time: those that were sent, and those that wait and have a place in an hour from now on.
type hourly struct{ sent, promised map[int64]int }

// place is a mail's place in an hour; zero for none.
type place struct{ hour int64 }

func hourOf(at time.Time) int64 { return at.Unix() / 3600 }

func (p place) start() time.Time { return time.Unix(3600*p.hour, 0) }

// limits are how many mails may go within the window, by whom they are counted for.
func limits(m Mail) map[string]int {
	perDay := m.PerDay
	if m.Urgent {
		perDay += (perDay + urgentPart - 1) / urgentPart
	}
	return map[string]int{m.Account: perDay, m.Share: accountsCounted * perDay}
}

// first returns the first place for a mail: now, or in a later hour. If all hours of the window are full, found is false, and the place is
// when to ask again.
func (q quotas) first(m Mail, now time.Time) (p place, found bool) {
	current := hourOf(now)
	for hour := current; hour < current+quotaHours; hour++ {
		free := true
		for key, limit := range limits(m) {
			free = free && q[key].hasRoom(current, hour, limit)
		}
		if free {
			return place{hour}, true
		}
	}
	return place{current + quotaHours}, false
}

// hasRoom reports whether one mail more in an hour keeps every window that has this hour within the limit.
func (h *hourly) hasRoom(current, hour int64, limit int) bool {
	if h == nil {
		return limit > 0
	}
	for last := hour; last < hour+quotaHours; last++ {
		sum := 0
		for at, n := range h.sent {
			if at > last-quotaHours && at <= last {
				sum += n
			}
		}
		for at, n := range h.promised {
			if at > last-quotaHours && at <= last && at >= current {
				sum += n
			}
		}
		if sum >= limit {
			return false
		}
	}
	return true
}

// add counts a mail that was sent, promise one that waits. With n = -1 they undo that.
func (q quotas) add(m Mail, at place, n int) {
	q.count(m, at, n, func(h *hourly) map[int64]int { return h.sent })
}
func (q quotas) promise(m Mail, at place, n int) {
	q.count(m, at, n, func(h *hourly) map[int64]int { return h.promised })
}

func (q quotas) count(m Mail, at place, n int, in func(*hourly) map[int64]int) {
	if m.PerDay == 0 || at.hour == 0 {
		return
	}
	for key := range limits(m) {
		h := q[key]
		if h == nil {
			h = &hourly{sent: map[int64]int{}, promised: map[int64]int{}}
			q[key] = h
		}
		if counts := in(h); counts[at.hour]+n > 0 {
			counts[at.hour] += n
		} else {
			delete(counts, at.hour)
		}
	}
}

// sweep forgets what no longer counts, and mails that this process counted while its clock was ahead.
func (q quotas) sweep(now time.Time) {
	current := hourOf(now)
	for key, h := range q {
		for at := range h.sent {
			if at <= current-quotaHours || at > current+1 {
				delete(h.sent, at)
			}
		}
		for at := range h.promised {
			if at < current || at > current+quotaHours {
				delete(h.promised, at)
			}
		}
		if len(h.sent)+len(h.promised) == 0 {
			delete(q, key)
		}
	}
}
