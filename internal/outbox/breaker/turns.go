// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"time"

	"github.com/usher-dev/usher/internal/delivery"
)

const (
	// firstPause and longestPause are the pauses between two turns: each is twice the one before.
	firstPause   = 10 * time.Second
	longestPause = time.Minute
	// turnLasts is how long a mail may take to begin when it has its turn.
	turnLasts = 30 * time.Second
	// maxQueue is how many mails wait for a turn at most. There is no need for all of them.
	maxQueue = 10_000
)

// open is the state of an open breaker.
type open struct {
	refusal Refusal
	// doubtful is since when ended attempts with the refusal are in doubt; zero if none are.
	doubtful time.Time
	// since is when the server last refused in this way.
	since time.Time

	// queue are the mails that wait for a turn, in order.
	queue  []string
	queued map[string]bool
	// turn is the mail that has its turn until ends; empty if none has. next is when the next one gets a turn, pause the time before.
	turn  string
	ends  time.Time
	next  time.Time
	pause time.Duration
}

// Await puts a mail that is due at the end of the queue, unless it has its turn, or the breaker is closed. It reports whether the mail
// waits.
func (b *Breaker) Await(mail string, now time.Time) bool {
	switch {
	case b.open == nil || b.HasTurn(mail, now):
		return false
	case b.open.queued[mail]:
		return true
	case len(b.open.queue) >= maxQueue:
		return false
	}
	b.open.queue = append(b.open.queue, mail)
	b.open.queued[mail] = true
	return true
}

// HasTurn reports whether a mail may be sent although the breaker is open.
func (b *Breaker) HasTurn(mail string, now time.Time) bool {
	return b.open != nil && b.open.turn == mail && now.Before(b.open.ends)
}

// NextTurn gives a turn to the mail that has waited longest, if it is time; mail is empty if it is not, or if none waits. again is when
// to ask again; zero if only Await or an outcome makes a difference.
func (b *Breaker) NextTurn(now time.Time) (mail string, again time.Time) {
	o := b.open
	if o == nil {
		return "", time.Time{}
	}
	if o.next.Sub(now) > longestPause { // the clock was set back
		o.next = now.Add(longestPause)
	}
	switch {
	case o.turn != "" && now.Before(o.ends) && o.ends.Sub(now) <= attemptLasts:
		return "", o.ends
	case len(o.queue) == 0:
		o.turn = ""
		return "", time.Time{}
	case now.Before(o.next):
		return "", o.next
	}
	mail, o.queue = o.queue[0], o.queue[1:]
	delete(o.queued, mail)
	o.turn, o.ends = mail, now.Add(turnLasts)
	return mail, o.ends
}

// attemptLasts is how long an attempt may take, from its turn on.
const attemptLasts = delivery.SendTimeout + time.Minute

// Begin notes that an attempt at a mail begins: its turn lasts until the attempt ends.
func (b *Breaker) Begin(mail string, now time.Time) {
	if b.open != nil && b.open.turn == mail {
		b.open.ends = now.Add(attemptLasts)
	}
}

// Conclude notes that an attempt at a mail has ended, which ends its turn.
func (b *Breaker) Conclude(mail string, now time.Time) {
	if b.open == nil || b.open.turn != mail {
		return
	}
	b.open.turn = ""
	b.open.pause = min(2*b.open.pause, longestPause)
	b.open.next = now.Add(b.open.pause)
}
