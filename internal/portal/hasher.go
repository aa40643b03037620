// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"context"
	"sync/atomic"

	"golang.org/x/crypto/bcrypt"
)

// maxWaiting is how many requests wait for their turn to hash; more are asked to come back at once. A quarter of a second
// each, what would wait longer than this would not be answered in time.
const maxWaiting = 64

// hasher does the work of bcrypt, little at a time: it is meant to be expensive, and the controllers run on the same processors.
type hasher struct {
	cost    int
	turns   chan struct{}
	waiting atomic.Int64
}

func newHasher(cost, concurrent int) *hasher {
	return &hasher{cost: cost, turns: make(chan struct{}, concurrent)}
}

// hash makes the hash of a new password. It waits for its turn as long as ctx lives, and then returns errBusy.
func (h *hasher) hash(ctx context.Context, password string) (hash []byte, err error) {
	if err := h.await(ctx); err != nil {
		return nil, err
	}
	defer h.done()
	return bcrypt.GenerateFromPassword([]byte(password), h.cost)
}

// await takes a turn, which done gives back.
func (h *hasher) await(ctx context.Context) error {
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > maxWaiting {
		return errBusy
	}
	select {
	case h.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errBusy
	}
}

func (h *hasher) done() { <-h.turns }
