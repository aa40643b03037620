// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"sync"
	"time"
)

// tally counts what a key has done.
type tally struct {
	count int
	last  time.Time
}

// tallies are those of many keys, in bounded memory: like a Throttle, they have two generations of at most size keys.
type tallies[K comparable] struct {
	size       int
	young, old map[K]*tally
}

// of returns the tally of a key, which is empty if the key is new, or was forgotten.
func (t *tallies[K]) of(key K) *tally {
	found, known := t.young[key]
	if known {
		return found
	}
	if found, known = t.old[key]; !known {
		found = &tally{}
	}
	if t.young == nil || len(t.young) >= t.size {
		t.old, t.young = t.young, map[K]*tally{}
	}
	t.young[key] = found
	return found
}

func (t *tallies[K]) forget(key K) {
	delete(t.young, key)
	delete(t.old, key)
}

// Backoff lets each key do something a few times at once, and then at growing intervals, in bounded memory. Fields must not be changed once
// it is used.
type Backoff[K comparable] struct {
	// Free is how often a key may go on at once.
	Free int
	// First is the interval after that. It doubles up to Most.
	First, Most time.Duration
	// Idle is after how long a key begins anew; 0 for never.
	Idle time.Duration
	// Keys is how many are remembered at least; at most twice as many.
	Keys int

	mu   sync.Mutex
	seen tallies[K]
}

// Take returns 0 if key may go on at now, and otherwise how long it must wait.
func (b *Backoff[K]) Take(key K, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen.size = b.Keys
	t := b.seen.of(key)
	if b.Idle > 0 && now.Sub(t.last) >= b.Idle {
		t.count = 0
	}
	if wait := b.wait(t, now); wait > 0 {
		return wait
	}
	t.count, t.last = t.count+1, now
	return 0
}

// GiveBack takes the last Take of a key back.
func (b *Backoff[K]) GiveBack(key K) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.seen.of(key); t.count > 0 {
		t.count--
	}
}

// Forget lets a key begin anew.
func (b *Backoff[K]) Forget(key K) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen.forget(key)
}

// wait returns how long a key with that tally must wait. A clock that was set back lets none wait for longer than its interval.
func (b *Backoff[K]) wait(t *tally, now time.Time) time.Duration {
	pause := b.First
	for i := b.Free; i < t.count && pause < b.Most; i++ {
		pause *= 2
	}
	if pause = min(pause, b.Most); t.count < b.Free {
		pause = 0
	}
	return min(pause, t.last.Add(pause).Sub(now))
}
