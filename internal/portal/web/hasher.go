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
	// Slots bound how many new passwords are hashed at once, and Comparisons how many are compared. Each has its own, so that an invitee
	// who accepts does not wait behind those who try passwords, however many they are.
	Slots, Comparisons *Slots
	// none returns a hash that no password matches, of the same cost as the others.
	none func() []byte
	// compare is bcrypt's, which tests count.
	compare func(hash, password []byte) error
}

// NewHasher returns a Hasher with a bcrypt cost and a number of slots.
func NewHasher(cost, concurrent int) *Hasher {
	return &Hasher{
		cost: cost, Slots: NewSlots(concurrent), Comparisons: NewSlots(concurrent), compare: bcrypt.CompareHashAndPassword,
		none: sync.OnceValue(func() []byte {
			hash, err := bcrypt.GenerateFromPassword([]byte(rand.Text()), cost)
			if err != nil {
				panic(err) // the cost is out of bounds: a mistake in the code
			}
			return hash
		}),
	}
}

// Hash returns the hash of a new password in its opaque form. It is an error if it has none, or one of more than MaxPasswordBytes.
// Hash waits for a slot until ctx is done, and then returns ErrBusy.
func (h *Hasher) Hash(ctx context.Context, password string) (hash []byte, err error) {
	if err := h.Slots.Acquire(ctx); err != nil {
		return nil, err
	}
	defer h.Slots.Release()
	form, err := Opaque(password)
	if err != nil {
		return nil, err
	}
	if hash, err = bcrypt.GenerateFromPassword([]byte(form), h.cost); err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	return hash, nil
}

// Matches reports whether hash was made of password: of its opaque form or, as before there was one, of what was typed. Without a hash it
// reports false, after the same time: how many forms are compared depends on the password alone. It waits for a slot until ctx is done,
// and ends between two forms if ctx is done by then, both with ErrBusy: a client that has gone keeps no slot. The hash of a member has a
// cost of at most 14 (credentials.PasswordHash), which is about a second for each form.
func (h *Hasher) Matches(ctx context.Context, hash []byte, password string) (bool, error) {
	if err := h.Comparisons.Acquire(ctx); err != nil {
		return false, err
	}
	defer h.Comparisons.Release()
	tried := h.none()
	if len(hash) > 0 {
		tried = hash
	}
	for _, form := range formsOf(password) {
		if ctx.Err() != nil {
			return false, ErrBusy
		}
		err := h.compare(tried, []byte(form))
		// bcrypt ignores what comes after its limit.
		if err == nil && len(hash) > 0 && len(form) <= MaxPasswordBytes {
			return true, nil
		}
	}
	return false, nil
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
