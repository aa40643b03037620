// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove_test

import (
	"sync"
	"time"
)

// clock is the wall clock, set forward or back, or stopped. Usher's managers and portals use no other clock.
type clock struct {
	mu      sync.Mutex
	offset  time.Duration
	stopped time.Time
	looks   int
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	if !c.stopped.IsZero() {
		return c.stopped
	}
	return time.Now().Add(c.offset)
}

// Looks returns how often the manager has read the clock. It reads it for every decision.
func (c *clock) Looks() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.looks
}

// Step sets it forward, or back.
func (c *clock) Step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
	if !c.stopped.IsZero() {
		c.stopped = c.stopped.Add(d)
	}
}

// StopAt stops it at a time.
func (c *clock) StopAt(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = t
}

// StartAt makes it run from a time.
func (c *clock) StartAt(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset, c.stopped = time.Until(t), time.Time{}
}
