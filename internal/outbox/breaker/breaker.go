// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"slices"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

const (
	// Threshold is how many recipients in a row are refused in the same way before the refusal is taken for the server's.
	Threshold = 3
	// streakLasts is how long a refusal counts.
	streakLasts = time.Hour
	// maxStreaks is how many different refusals are counted.
	maxStreaks = 16
)

// Refusal is how a server refused a mail.
type Refusal struct {
	// ID is the same for recipients that were refused in the same way.
	ID string
	// Class is Configuration or Permanent: what the reply by itself means.
	Class usherv1.ErrorClass
	// Code as status.lastError shows it.
	Code string
	// NamesRecipient reports whether the reply says that it is about the recipient.
	NamesRecipient bool
}

// Attempt is an attempt at a mail that was refused.
type Attempt struct {
	// Mail identifies the mail, Recipient the inbox.
	Mail, Recipient string
	// Before is how the attempt before ended; nil if it is not known to have failed.
	Before *usherv1.SendError
}

// Judgement is what a refusal is taken for.
type Judgement int

const (
	// Hold: it is the server's refusal of us. The mail waits.
	Hold Judgement = iota
	// Again: it is not clear whose it is. The mail is tried once more.
	Again
	// Final: it is the recipient's.
	Final
)

// Breaker judges the refusals of mails that share a fate. The zero value is closed, and has seen nothing.
type Breaker struct {
	// accepted is when the last mail was accepted, closed when the breaker closed; zero for never.
	accepted, closed time.Time
	// streaks are the recipients that were refused in a row, by the refusal's ID.
	streaks map[string]*streak
	// open is nil while the breaker is closed.
	open *open
}

// streak is which recipients were refused in the same way, and when the first and the last were.
type streak struct {
	first, last time.Time
	recipients  []string
}

// Accept notes that a mail was accepted, which closes the breaker, and reports whether it was open.
func (b *Breaker) Accept(now time.Time) (wasOpen bool) {
	wasOpen = b.open != nil
	if wasOpen {
		b.closed = now
	}
	b.accepted, b.streaks, b.open = now, nil, nil
	return wasOpen
}

// Refuse notes that a mail was refused, and says what to take that for. opened reports whether it opens the breaker, or keeps it open for
// another reason.
func (b *Breaker) Refuse(r Refusal, a Attempt, now time.Time) (j Judgement, opened bool) {
	b.Conclude(a.Mail, now)
	if b.open != nil && b.open.refusal.ID == r.ID {
		b.open.since = now
		return Hold, false
	}
	again := a.Before != nil && a.Before.Code == r.Code
	twice := again && a.Before.Class == usherv1.ErrorPermanent
	if again && b.acceptedSince(a.Before.At.Time) {
		if r.Class == usherv1.ErrorConfiguration && !twice {
			return Again, false
		}
		return Final, false
	}
	if r.Class == usherv1.ErrorConfiguration {
		if twice {
			return Final, false
		}
		b.trip(r, time.Time{}, now)
		return Hold, true
	}
	s := b.count(r, a.Recipient, now)
	switch {
	case len(s.recipients) >= Threshold:
		b.trip(r, s.first, now)
		return Hold, true
	case twice:
		return Final, false
	case len(s.recipients) == 1 && r.NamesRecipient:
		return Final, false
	}
	return Again, false
}

// acceptedSince reports whether a mail was accepted after a time that an object records in whole seconds.
func (b *Breaker) acceptedSince(at time.Time) bool {
	return b.accepted.Unix() > at.Unix() && !b.accepted.IsZero()
}

// count adds a recipient to the streak of a refusal.
func (b *Breaker) count(r Refusal, recipient string, now time.Time) *streak {
	for id, s := range b.streaks {
		if now.Sub(s.last) > streakLasts || now.Before(s.first) { // or the clock was set back
			delete(b.streaks, id)
		}
	}
	s := b.streaks[r.ID]
	if s == nil {
		b.makeRoom()
		s = &streak{first: now}
		b.streaks[r.ID] = s
	}
	s.last = now
	if len(s.recipients) < Threshold && !slices.Contains(s.recipients, recipient) {
		s.recipients = append(s.recipients, recipient)
	}
	return s
}

// makeRoom forgets the streak that was added to longest ago if there are too many.
func (b *Breaker) makeRoom() {
	if b.streaks == nil {
		b.streaks = map[string]*streak{}
	}
	oldest := ""
	for id, s := range b.streaks {
		if oldest == "" || s.last.Before(b.streaks[oldest].last) {
			oldest = id
		}
	}
	if len(b.streaks) >= maxStreaks {
		delete(b.streaks, oldest)
	}
}

// trip opens the breaker, or has it open for another refusal. Recipients refused since first, or up to an hour before by a manager that
// has ended since, are in doubt.
func (b *Breaker) trip(r Refusal, first, now time.Time) {
	if !first.IsZero() {
		if first = first.Add(-streakLasts); first.Before(b.accepted) {
			first = b.accepted
		}
	}
	if b.open != nil {
		b.open.refusal, b.open.doubtful, b.open.since = r, first, now
		return
	}
	b.open = &open{refusal: r, doubtful: first, since: now, next: now.Add(firstPause), pause: firstPause, queued: map[string]bool{}}
}

// Open reports whether the breaker is open.
func (b *Breaker) Open() bool { return b.open != nil }

// Since is when the breaker was last found to be as it is; zero if it was never open.
func (b *Breaker) Since() time.Time {
	if b.open != nil {
		return b.open.since
	}
	return b.closed
}

// Doubts reports whether a failure that ended an attempt was the refusal that has opened the breaker since: then it was the server's.
func (b *Breaker) Doubts(e *usherv1.SendError) bool {
	return b.open != nil && !b.open.doubtful.IsZero() && e != nil && e.Class == usherv1.ErrorPermanent &&
		e.Code == b.open.refusal.Code && e.At.Unix() >= b.open.doubtful.Unix()
}
