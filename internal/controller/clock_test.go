// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"sync"
	"time"
)

// clock runs like the wall clock, ahead of it by an offset, until it is stopped.
type clock struct {
	mu      sync.Mutex
	ahead   time.Duration
	stopped time.Time
	looks   int
}

// Now is the clock of the manager and the portal.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	if !c.stopped.IsZero() {
		return c.stopped
	}
	return time.Now().Add(c.ahead)
}

// Looks returns how often Now was called. Every decision calls it.
func (c *clock) Looks() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.looks
}

// Step moves the clock forward.
func (c *clock) Step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
	if !c.stopped.IsZero() {
		c.stopped = c.stopped.Add(d)
	}
}

// StopAt stops the clock at a time.
func (c *clock) StopAt(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = t
}
