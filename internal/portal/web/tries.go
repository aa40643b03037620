// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"
)

const (
	// firstPause follows the last free try; it doubles with each wrong password, up to longestPause. NIST SP 800-63B-4 section 3.2.2 suggests
	// intervals that grow.
	firstPause   = time.Second
	longestPause = 24 * time.Hour
)

// Target is whose password is tried: that of a member, or of an address. It is a digest, so that it takes bounded memory.
type Target [sha256.Size]byte

// TargetOf returns the Target of a name, such as a UID or a canonical address.
func TargetOf(name string) Target { return sha256.Sum256([]byte(name)) }

// Source is where a try comes from: the network of a client, or a browser in which the member has signed in before.
type Source struct {
	Client netip.Prefix
	// Known identifies the browser; empty if none is known.
	Known string
}

// known is a Source without the client if the browser is known: it may be anywhere.
func (s Source) known() Source {
	if s.Known != "" {
		s.Client = netip.Prefix{}
	}
	return s
}

// WaitError is the error of a password that was not looked at: there were too many wrong ones, and the next is taken after that time.
type WaitError time.Duration

func (WaitError) Error() string { return "there were too many wrong passwords" }

// Tries counts the wrong passwords for each member, so that no one finds a password by trying, and no stranger keeps the member out.
//
// Each client that tries a member's password waits longer after each that is wrong, and no one else waits for that: a single client needs
// more than two months for 100. All clients together have so many tries; after that a password is taken only in a browser that the member
// has used before, or once another one was set. Memory is bounded: what was counted longest ago is forgotten.
type Tries struct {
	own  Backoff[triedFrom]
	most int

	mu  sync.Mutex
	all tallies[Target]
}

type triedFrom struct {
	target Target
	source Source
}

// NewTries returns Tries with the limits.
func NewTries(l Limits) *Tries {
	return &Tries{
		own:  Backoff[triedFrom]{Free: l.FreeTries, First: firstPause, Most: longestPause, Keys: l.RememberedKeys},
		most: l.MostWrong, all: tallies[Target]{size: l.RememberedKeys},
	}
}

// Take returns 0 if a password of the target may be tried at now, and otherwise how long to wait. The try counts as wrong until Right or
// GiveBack is called.
func (t *Tries) Take(target Target, from Source, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	total := t.all.of(target)
	if from.Known == "" && total.count >= t.most {
		return longestPause
	}
	if wait := t.own.Take(triedFrom{target, from.known()}, now); wait > 0 {
		return wait
	}
	total.count++
	return 0
}

// GiveBack takes a try back that was not made.
func (t *Tries) GiveBack(target Target, from Source) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.own.GiveBack(triedFrom{target, from.known()})
	if total := t.all.of(target); total.count > 0 {
		total.count--
	}
}

// Right says that the password of the target was given, or another one set: the wrong ones of the source, and the row of all, begin anew.
func (t *Tries) Right(target Target, from Source) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.own.Forget(triedFrom{target, from.known()})
	t.all.forget(target)
}
