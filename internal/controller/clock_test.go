// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"sync"
	"time"
)

// clock goes on like the wall clock, some time ahead of it, until it is stopped.
type clock struct {
	mu      sync.Mutex
	ahead   time.Duration
	stopped time.Time
	looks   int
}

// Now is what the manager and the portal are given.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	if !c.stopped.IsZero() {
		return c.stopped
	}
	return time.Now().Add(c.ahead)
}

// Looks is how often somebody has asked for the time: nobody decides anything without.
func (c *clock) Looks() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.looks
}

// Step sets the clock forward.
func (c *clock) Step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
	if !c.stopped.IsZero() {
		c.stopped = c.stopped.Add(d)
	}
}

// StopAt has the clock stand still at a time.
func (c *clock) StopAt(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = t
}
