// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"
)

// pollInterval is short because a person is watching.
const pollInterval = 100 * time.Millisecond

// await calls missing until it returns nil, and fails with its last error.
func await(ctx context.Context, what string, missing func(context.Context) error) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		last := missing(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return fmt.Errorf("gave up after waiting %s for %s: %w", patience, what, last)
		case <-ctx.Done():
			return fmt.Errorf("stopped waiting for %s: %w", what, context.Cause(ctx))
		}
	}
}
