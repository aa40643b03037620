// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/moment"
)

const (
	// reserveAhead is how far into the future reservations reach.
	reserveAhead = 10 * time.Minute
	// reservationLasts is how late a mail may use its reservation.
	reservationLasts = 10 * time.Second
	// sweepEvery is how often expired entries are removed.
	sweepEvery = time.Minute
	// maxWaiting is how many held mails are remembered; any more get no reservation.
	maxWaiting = 50_000
)

// Mail is a mail that is about to be sent.
type Mail struct {
	// ID is unique among the mails that may be waiting.
	ID string
	// Recipient is the address, in one form for all addresses that reach the same inbox.
	Recipient string
	// Server names the server, and PerMinute is its limit; 0 for none.
	Server    string
	PerMinute int
	// Share names who shares the server with others: the namespace of the account.
	Share string
	// Account names who the quota is counted for, and PerDay is how many mails it may send within delivery.QuotaWindow; 0 for any number.
	Account string
	PerDay  int
	// Urgent: the mail may go beyond the quota, up to a tenth of it.
	Urgent bool
	// Shared: the server is the one that all namespaces may send through, so they share its limit for a recipient, too.
	Shared bool
}

// Limiter counts the mails that were sent lately and remembers those that wait. It is safe for concurrent use.
type Limiter struct {
	mu         sync.Mutex
	recipients *recipients
	servers    map[string]*server
	quotas     quotas
	waiting    map[string]waiting
	swept      time.Time
	recalled   bool
}

// waiting is a mail that is held.
type waiting struct {
	hold      delivery.Hold
	recipient bucket
	// server that it was to go through, and reserved whether it has a reservation there.
	server   string
	reserved bool
	// own: mails of its own namespace hold it, whatever the server.
	own bool
	// place is what the quota has promised it, and mail what it is counted by there.
	place place
	mail  Mail
}

// lasts is how long after its hold the mail is remembered.
func (w waiting) lasts() time.Duration {
	if w.place != (place{}) {
		return time.Hour
	}
	return reservationLasts
}

// longest is how far ahead the hold ends at most.
func (w waiting) longest() time.Duration {
	if w.hold.Reason == usherv1.ReasonQuotaReached {
		return delivery.QuotaWindow
	}
	return delivery.LongestWait
}

// New returns a Limiter without a record of any mail.
func New() *Limiter {
	return &Limiter{recipients: newRecipients(), servers: map[string]*server{}, quotas: quotas{}, waiting: map[string]waiting{}}
}

// Held returns the hold that Reserve returned for a mail; nil if there is none, or if it is over at now. lifted: there was one, which does
// not hold the mail through the server that it is to go through now.
func (l *Limiter) Held(m Mail, now time.Time) (hold *delivery.Hold, lifted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, known := l.waiting[m.ID]
	ends := moment.Clock{Now: now}.Awaits(&metav1.Time{Time: w.hold.Until}, w.longest())
	switch {
	case !known || w.recipient != l.recipients.bucketOf(m.Recipient) || !ends:
		return nil, false
	case !w.own && w.server != m.Server:
		return nil, true
	}
	return &w.hold, false
}

// Reserve lets a mail go, which counts it, or returns what it has to wait for. Call cancel if the mail did not go out in the end: it
// then no longer counts for the recipient, and keeps its reservation with the server for reservationLasts.
func (l *Limiter) Reserve(m Mail, now time.Time) (cancel func(), hold *delivery.Hold) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	w := l.waiting[m.ID]
	recipient := l.recipients.bucketOf(m.Recipient)
	if w.awaits(m, recipient, now) {
		return nil, &w.hold
	}
	l.forget(m.ID, w)
	if free, ofOthers := l.recipients.freeAt(m, now); now.Before(free) {
		return nil, l.wait(m, waiting{
			hold: delivery.Hold{Until: free, Reason: usherv1.ReasonRecipientLimited}, recipient: recipient, server: m.Server, own: !ofOthers,
		})
	}
	if hold := l.quotaHold(m, recipient, now); hold != nil {
		return nil, hold
	}
	hasReservation := w.reservedAt(m) && !now.Before(w.hold.Until) && !now.After(w.hold.Until.Add(reservationLasts))
	if m.PerMinute > 0 && !hasReservation {
		at, reserved, moved := l.server(m).book(m, now, len(l.waiting) < maxWaiting)
		l.move(moved)
		if now.Before(at) {
			return nil, l.wait(m, waiting{
				hold: delivery.Hold{Until: at, Reason: usherv1.ReasonRateLimited}, recipient: recipient, server: m.Server, reserved: reserved,
			})
		}
	}
	l.recipients.add(m, now)
	l.quotas.add(m, place{hourOf(now)}, 1)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.recipients.remove(m, now)
		l.quotas.add(m, place{hourOf(now)}, -1)
		if m.PerMinute > 0 && len(l.waiting) < maxWaiting {
			l.waiting[m.ID] = waiting{
				hold: delivery.Hold{Until: now, Reason: usherv1.ReasonRateLimited}, recipient: recipient, server: m.Server, reserved: true,
			}
		}
	}, nil
}

// quotaHold returns the hold of a mail whose account has used its quota up, and promises it a place; nil if it may go.
func (l *Limiter) quotaHold(m Mail, recipient bucket, now time.Time) *delivery.Hold {
	if m.PerDay == 0 {
		return nil
	}
	at, found := l.quotas.first(m, now)
	if at.hour == hourOf(now) {
		return nil
	}
	w := waiting{
		hold: delivery.Hold{Until: at.start(), Reason: usherv1.ReasonQuotaReached}, recipient: recipient, server: m.Server, mail: m,
	}
	if found && len(l.waiting) < maxWaiting {
		w.place = at
		l.quotas.promise(m, at, 1)
	}
	return l.wait(m, w)
}

// awaits reports whether the mail asks before its reservation. It keeps it, unless the clock was set back far or the limit was taken away.
func (w waiting) awaits(m Mail, recipient bucket, now time.Time) bool {
	return m.PerMinute > 0 && w.reservedAt(m) && w.recipient == recipient && now.Before(w.hold.Until) &&
		w.hold.Until.Sub(now) <= reserveAhead+time.Second
}

// reservedAt reports whether the mail has a reservation at the server that it is to go through now.
func (w waiting) reservedAt(m Mail) bool { return w.reserved && w.server == m.Server }

// forget removes a held mail, its reservation and its place.
func (l *Limiter) forget(id string, w waiting) {
	delete(l.waiting, id)
	l.quotas.promise(w.mail, w.place, -1)
	if s := l.servers[w.server]; s != nil && w.reserved {
		s.bookings.remove(id, w.hold.Until)
	}
}

// move tells a held mail that its reservation was moved, which Held and Reserve then return. If it has lost it, it asks for another one.
func (l *Limiter) move(moved *booking) {
	if moved == nil {
		return
	}
	w, known := l.waiting[moved.id]
	switch {
	case !known:
	case moved.at.IsZero():
		delete(l.waiting, moved.id)
	default:
		w.hold.Until = wholeSecond(moved.at)
		l.waiting[moved.id] = w
	}
}

// wholeSecond rounds up to a whole second, as times in a status are.
func wholeSecond(at time.Time) time.Time {
	if cut := at.Truncate(time.Second); cut.Before(at) {
		return cut.Add(time.Second)
	}
	return at
}

// wait remembers a held mail and returns its hold.
func (l *Limiter) wait(m Mail, w waiting) *delivery.Hold {
	w.hold.Until = wholeSecond(w.hold.Until)
	if len(l.waiting) < maxWaiting {
		l.waiting[m.ID] = w
	}
	return &w.hold
}

// server returns the state of the server that a mail goes through. A changed limit starts with new state.
func (l *Limiter) server(m Mail) *server {
	s := l.servers[m.Server]
	if s == nil || s.perMinute != m.PerMinute {
		s = newServer(m.PerMinute)
		l.servers[m.Server] = s
	}
	return s
}

// sweep removes expired entries.
func (l *Limiter) sweep(now time.Time) {
	if since := now.Sub(l.swept); since >= 0 && since < sweepEvery {
		return
	}
	l.swept = now
	for uid, w := range l.waiting {
		if now.After(w.hold.Until.Add(w.lasts())) {
			l.forget(uid, w)
		}
	}
	for name, s := range l.servers {
		if s.idle(now) {
			delete(l.servers, name)
		}
	}
	l.recipients.sweep(now)
	l.quotas.sweep(now)
}

// Sent is a mail that an earlier manager sent. It needs no ID, and no Recipient if it only counts for the quota.
type Sent struct {
	Mail
	At time.Time
}

// Recalled reports whether Recall has been called.
func (l *Limiter) Recalled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.recalled
}

// Recall counts the mails that an earlier manager sent. Only the first call has an effect.
func (l *Limiter) Recall(sent []Sent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.recalled {
		return
	}
	for _, m := range sent {
		if m.Recipient != "" {
			l.recipients.add(m.Mail, m.At)
		}
		l.quotas.add(m.Mail, place{hourOf(m.At)}, 1)
	}
	l.recalled = true
}
