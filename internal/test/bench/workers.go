// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// each calls do for 0 … n-1, from that many workers at once, and returns when all have ended. The first error ends the others' context.
func each(ctx context.Context, workers, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var running sync.WaitGroup
	for range min(workers, n) {
		running.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || ctx.Err() != nil {
					return
				}
				if err := do(ctx, i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	running.Wait()
	return context.Cause(ctx)
}

const (
	// patience is how long anything may take without any progress.
	patience = 2 * time.Minute
	// pollInterval is how often progress is looked at. Times do not depend on it: they are those of the watch's events.
	pollInterval = 20 * time.Millisecond
)

// reach waits until done returns wanted. Every change of what done returns is progress.
func reach(ctx context.Context, what string, wanted int, done func() (int, error)) error {
	last, since := -1, time.Now()
	ticks := time.NewTicker(pollInterval)
	defer ticks.Stop()
	for {
		got, err := done()
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		switch {
		case got == wanted:
			return nil
		case got != last:
			last, since = got, time.Now()
		case time.Since(since) > patience:
			return fmt.Errorf("%s: %d of %d, and no more for %s", what, got, wanted, patience)
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s: %d of %d", what, got, wanted), context.Cause(ctx))
		case <-ticks.C:
		}
	}
}
