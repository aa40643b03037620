// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/bcrypt"
)

// MaxPasswordBytes is where bcrypt stops reading.
const MaxPasswordBytes = 72

// ErrBusy is the error of a request that got no slot.
var ErrBusy = errors.New("too much is going on at once")

// maxWaiting is how many requests wait for a slot; more are refused at once. At a quarter of a second each, a request that waits
// behind more than this would not be answered in time.
const maxWaiting = 64

// Hasher runs bcrypt a few times at once: bcrypt is meant to be expensive, and the controllers run on the same processors.
type Hasher struct {
	cost int
	// Slots bound how many passwords are hashed at once.
	Slots *Slots
	// strangers bounds those who try a password. They wait here before they wait for a slot, so that an invitee who accepts waits
	// behind few of them, however many they are.
	strangers *Slots
	// none returns a hash that no password matches, of the same cost as the others.
	none func() []byte
}

// NewHasher returns a Hasher with a bcrypt cost and a number of slots.
func NewHasher(cost, concurrent int) *Hasher {
	return &Hasher{
		cost: cost, Slots: NewSlots(concurrent), strangers: NewSlots(concurrent),
		none: sync.OnceValue(func() []byte {
			hash, err := bcrypt.GenerateFromPassword([]byte(rand.Text()), cost)
			if err != nil {
				panic(err) // the cost is out of bounds: a mistake in the code
			}
			return hash
		}),
	}
}

// Hash returns the hash of a new password. It waits for a slot until ctx is done, and then returns ErrBusy.
func (h *Hasher) Hash(ctx context.Context, password string) (hash []byte, err error) {
	if err := h.Slots.Acquire(ctx); err != nil {
		return nil, err
	}
	defer h.Slots.Release()
	if hash, err = bcrypt.GenerateFromPassword([]byte(password), h.cost); err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	return hash, nil
}

// Matches reports whether hash was made of password. Without a hash it reports false, after the same time. It waits as Hash does.
func (h *Hasher) Matches(ctx context.Context, hash []byte, password string) (bool, error) {
	if err := h.strangers.Acquire(ctx); err != nil {
		return false, err
	}
	defer h.strangers.Release()
	if err := h.Slots.Acquire(ctx); err != nil {
		return false, err
	}
	defer h.Slots.Release()
	tried := h.none()
	if len(hash) > 0 {
		tried = hash
	}
	err := bcrypt.CompareHashAndPassword(tried, []byte(password))
	// bcrypt ignores what comes after its limit.
	return err == nil && len(hash) > 0 && len(password) <= MaxPasswordBytes, nil
}

// Slots bounds how many run at once. They get their slots in the order in which they came.
type Slots struct {
	taken   chan struct{}
	waiting atomic.Int64
}

// NewSlots returns n free slots.
func NewSlots(n int) *Slots { return &Slots{taken: make(chan struct{}, n)} }

// Acquire takes a slot, which Release gives back. It waits until ctx is done, and then returns ErrBusy.
func (s *Slots) Acquire(ctx context.Context) error {
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > maxWaiting {
		return ErrBusy
	}
	select {
	case s.taken <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ErrBusy
	}
}

// Release gives back a slot.
func (s *Slots) Release() { <-s.taken }
