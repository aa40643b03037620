// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	"sync"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
)

const (
	// turnsAhead is how far into the future turns are given out.
	turnsAhead = 10 * time.Minute
	// turnLasts is how late a mail may come for its turn.
	turnLasts = 10 * time.Second
	// sweepEvery is how often what is over is forgotten.
	sweepEvery = time.Minute
	// maxWaiting is how many mails that wait are remembered; more than that ask again each time.
	maxWaiting = 50_000
)

// Mail is a mail that is about to be sent.
type Mail struct {
	// ID tells it from every other mail that may be waiting.
	ID string
	// Recipient is the address, written as all that reach the same inbox are.
	Recipient string
	// Server names the server, and PerMinute is its limit; 0 for none.
	Server    string
	PerMinute int
}

// Pace knows the mails that were sent lately and those that wait. It is safe for concurrent use.
type Limiter struct {
	mu         sync.Mutex
	recipients recipients
	servers    map[string]*server
	waiting    map[string]waiting
	swept      time.Time
	recalled   bool
}

// waiting is a mail that was told to wait.
type waiting struct {
	hold      delivery.Hold
	recipient slot
	// server whose turn it was given; empty for none.
	server string
}

// New returns a Pace that knows of no mail yet.
func New() *Limiter {
	return &Limiter{recipients: newRecipients(), servers: map[string]*server{}, waiting: map[string]waiting{}}
}

// Held is what a mail to a recipient was told to wait for; nil if nothing, or not any more at now.
func (p *Limiter) Held(id, recipient string, now time.Time) *delivery.Hold {
	p.mu.Lock()
	defer p.mu.Unlock()
	w, known := p.waiting[id]
	if !known || w.recipient != p.recipients.slotOf(recipient) || !now.Before(w.hold.Until) {
		return nil
	}
	return &w.hold
}

// Take lets a mail go, or says what it has to wait for. One that goes is counted; takeBack undoes that, for a mail that in the end
// did not go out.
func (p *Limiter) Reserve(m Mail, now time.Time) (takeBack func(), hold *delivery.Hold) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep(now)
	w := p.waiting[m.ID]
	delete(p.waiting, m.ID)
	recipient := p.recipients.slotOf(m.Recipient)
	if free := p.recipients.freeAt(recipient, now); now.Before(free) {
		return nil, p.wait(m, waiting{hold: delivery.Hold{Until: free, Reason: usherv1.ReasonRecipientLimited}, recipient: recipient})
	}
	itsTurn := w.server == m.Server && !now.Before(w.hold.Until) && !now.After(w.hold.Until.Add(turnLasts))
	if m.PerMinute > 0 && !itsTurn {
		turn, reserved := p.server(m).turn(now, len(p.waiting) < maxWaiting)
		if now.Before(turn) {
			w := waiting{hold: delivery.Hold{Until: turn, Reason: usherv1.ReasonRateLimited}, recipient: recipient}
			if reserved {
				w.server = m.Server
			}
			return nil, p.wait(m, w)
		}
	}
	p.recipients.note(recipient, now)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.recipients.forget(recipient, now)
	}, nil
}

// wait remembers a mail that waits, for whole seconds: that is what a status can say.
func (p *Limiter) wait(m Mail, w waiting) *delivery.Hold {
	if cut := w.hold.Until.Truncate(time.Second); cut.Before(w.hold.Until) {
		w.hold.Until = cut.Add(time.Second)
	}
	if len(p.waiting) < maxWaiting {
		p.waiting[m.ID] = w
	}
	return &w.hold
}

// server is the one that a mail goes through, with the limit that it has now.
func (p *Limiter) server(m Mail) *server {
	s := p.servers[m.Server]
	if s == nil || s.perMinute != m.PerMinute {
		s = newServer(m.PerMinute)
		p.servers[m.Server] = s
	}
	return s
}

// sweep forgets what is over.
func (p *Limiter) sweep(now time.Time) {
	if since := now.Sub(p.swept); since >= 0 && since < sweepEvery {
		return
	}
	p.swept = now
	for uid, w := range p.waiting {
		if now.After(w.hold.Until.Add(turnLasts)) {
			delete(p.waiting, uid)
		}
	}
	for name, s := range p.servers {
		if s.idle(now) {
			delete(p.servers, name)
		}
	}
	p.recipients.sweep(now)
}

// Sent is a mail of an earlier manager.
type Sent struct {
	Recipient string
	At        time.Time
}

// Recalled tells whether Recall has been called.
func (p *Limiter) Recalled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.recalled
}

// Recall takes note of the mails of an earlier manager, once.
func (p *Limiter) Recall(mails []Sent) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.recalled {
		return
	}
	for _, m := range mails {
		p.recipients.note(p.recipients.slotOf(m.Recipient), m.At)
	}
	p.recalled = true
}
