// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove_test

import (
	"net/http"
	"testing"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// deadline is a use of a link around the moment at which it expires.
type deadline struct {
	name string
	do   func(w *world, expires time.Time)
}

// at stops the clock that long after the deadline.
func (w *world) at(expires time.Time, after time.Duration) { w.clock.StopAt(expires.Add(after)) }

func (w *world) visitReads(want int) {
	if code := w.post(w.link("ada"), "accept"); code != want {
		w.fail("the page has status %d, not %d", code, want)
	}
}

func (w *world) untilExpired() {
	w.until("expired", func() string {
		if s := w.invitation("ada").Status.State; s != usherv1.InvitationExpired {
			return "the invitation is " + string(s)
		}
		return w.be("ada", usherv1.ObservedPending, usherv1.ReasonInvitationExpired)
	})
	if n := len(w.pool(base).Status.Claims); n > 0 {
		w.until("the seat is free", func() string {
			if len(w.pool(base).Status.Claims) > 0 {
				return "claimed"
			}
			return ""
		})
	}
}

var deadlines = []deadline{
	{"accepted a second before", func(w *world, e time.Time) {
		w.at(e, -time.Second)
		w.visitReads(http.StatusSeeOther)
		w.until("active", func() string { return w.active("ada") })
		w.at(e, time.Second)
		w.restart()
		w.until("still active", func() string { return w.active("ada") })
	}},
	{"refused exactly at it", func(w *world, e time.Time) {
		w.at(e, 0)
		w.visitReads(http.StatusGone)
		w.restart()
		w.untilExpired()
	}},
	{"refused a second after", func(w *world, e time.Time) {
		w.at(e, time.Second)
		w.visitReads(http.StatusGone)
		w.restart()
		w.untilExpired()
	}},
	{"refused after it while no manager runs", func(w *world, e time.Time) {
		w.kill()
		w.at(e, time.Second)
		w.visitReads(http.StatusGone)
		w.start()
		w.untilExpired()
	}},
	{"accepted before it while no manager runs until after it", func(w *world, e time.Time) {
		w.kill()
		w.at(e, -time.Second)
		w.visitReads(http.StatusSeeOther)
		w.at(e, time.Second)
		w.start()
		w.until("active", func() string { return w.active("ada") })
	}},
	{"not expired by a manager a second before", func(w *world, e time.Time) {
		w.at(e, -time.Second)
		w.restart()
		w.settle()
		if s := w.invitation("ada").Status.State; s != usherv1.InvitationSent {
			w.fail("the invitation is %s a second before", s)
		}
		w.at(e, 0)
		w.restart()
		w.untilExpired()
	}},
	{"by the manager's own timer", func(w *world, e time.Time) {
		w.kill()
		w.clock.StartAt(e.Add(-4 * time.Second))
		w.start()
		w.untilExpired()
		if late := w.clock.Now().Sub(e); late < 0 || late > 20*time.Second {
			w.fail("expired %s after the deadline", late)
		}
	}},
	{"expired, then the clock is set back", func(w *world, e time.Time) {
		w.at(e, 0)
		w.restart()
		w.untilExpired()
		w.at(e, -time.Hour)
		w.restart()
		w.settle()
		w.untilExpired()
		w.visitReads(http.StatusGone)
	}},
	{"the clock is set back before it, then runs on", func(w *world, e time.Time) {
		w.at(e, -3*time.Hour)
		w.restart()
		w.settle()
		w.visitReads(http.StatusSeeOther)
		w.until("active", func() string { return w.active("ada") })
	}},
	{"the clock is set back to before the mail was sent", func(w *world, e time.Time) {
		w.at(e, -72*time.Hour)
		w.restart()
		w.settle()
		if s := w.invitation("ada").Status.State; s != usherv1.InvitationSent {
			w.fail("the invitation is %s", s)
		}
		w.at(e, 0)
		w.restart()
		w.untilExpired()
		if n := len(w.mailsTo("ada")); n != 1 {
			w.fail("%d mails", n)
		}
	}},
}

// restart stops the manager and starts another, which reconciles every object.
func (w *world) restart() {
	w.halt()
	w.start()
}

func (d deadline) run(w *world) {
	w.start()
	w.create(testkit.Account(testkit.DefaultAccount).InvitationTTL("48h").Build(), testkit.SeatPool(base).Seats(1).Build(), testkit.Member("ada").Build())
	w.until("invited", func() string { return w.invited("ada") + w.sent("ada") })
	w.settle()
	w.injected.Add(1)
	d.do(w, w.invitation("ada").Status.ExpiresAt.Time)
	w.settle()
}

// A link works until it expires and not a second longer, whether or not a manager runs that marks it as expired.
func TestExpiry(t *testing.T) {
	t.Parallel()
	h := begin(t, "expiry")
	jobs := deadlines
	for range scaled(0, 4) {
		jobs = append(jobs, deadlines...)
	}
	each(jobs, func(d deadline) { h.run(d.name, d.run) })
}

// A portal whose clock is a second slow accepts an answer at the deadline.
func TestExpiryNoticesASlowClock(t *testing.T) {
	t.Parallel()
	h := mutant(t, "the page has status 303, not 410")
	d := deadlines[1]
	h.run(d.name, func(w *world) {
		w.slow = time.Second
		w.openPortal(w.portalWire)
		d.run(w)
	})
}
