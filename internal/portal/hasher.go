// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/bcrypt"
)

// maxWaiting is how many requests wait for their turn to hash; more are asked to come back at once. A quarter of a second
// each, what would wait longer than this would not be answered in time.
const maxWaiting = 64

// hasher does the work of bcrypt, little at a time: it is meant to be expensive, and the controllers run on the same processors.
type hasher struct {
	cost  int
	turns *queue
	// strangers are those who try a password. They queue before they queue for a turn, so that however many they are, somebody
	// who accepts an invitation waits for few of them.
	strangers *queue
	// nobody returns the hash of no password, of the same cost as the others.
	nobody func() []byte
}

func newHasher(cost, concurrent int) *hasher {
	return &hasher{
		cost: cost, turns: newQueue(concurrent), strangers: newQueue(concurrent),
		nobody: sync.OnceValue(func() []byte {
			hash, err := bcrypt.GenerateFromPassword([]byte(rand.Text()), cost)
			if err != nil {
				panic(err) // the cost is out of bounds: a mistake in the code
			}
			return hash
		}),
	}
}

// hash makes the hash of a new password. It waits for its turn as long as ctx lives, and then returns errBusy.
func (h *hasher) hash(ctx context.Context, password string) (hash []byte, err error) {
	if err := h.turns.enter(ctx); err != nil {
		return nil, err
	}
	defer h.turns.leave()
	return bcrypt.GenerateFromPassword([]byte(password), h.cost)
}

// matches tells whether password is the one that hash was made of. Where there is no hash it is not, and it takes as long to
// say so. It waits as hash does.
func (h *hasher) matches(ctx context.Context, hash []byte, password string) (bool, error) {
	if err := h.strangers.enter(ctx); err != nil {
		return false, err
	}
	defer h.strangers.leave()
	if err := h.turns.enter(ctx); err != nil {
		return false, err
	}
	defer h.turns.leave()
	tried := h.nobody()
	if len(hash) > 0 {
		tried = hash
	}
	err := bcrypt.CompareHashAndPassword(tried, []byte(password))
	// bcrypt would pass over what comes after its limit.
	return err == nil && len(hash) > 0 && len(password) <= maxPasswordBytes, nil
}

// queue lets few in at a time, in the order in which they came.
type queue struct {
	slots   chan struct{}
	waiting atomic.Int64
}

func newQueue(slots int) *queue { return &queue{slots: make(chan struct{}, slots)} }

// enter takes a slot, which leave gives back. It waits as long as ctx lives; who waits for nothing gets errBusy.
func (q *queue) enter(ctx context.Context) error {
	defer q.waiting.Add(-1)
	if q.waiting.Add(1) > maxWaiting {
		return errBusy
	}
	select {
	case q.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errBusy
	}
}

func (q *queue) leave() { <-q.slots }
