// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/store"
)

// keepLease extends the lease of a claim until stop is called; stop returns the object as it was last written. keepLease calls abandon
// when it is time to hang up, or when the attempt is not this sender's any more.
func keepLease[T client.Object](ctx context.Context, o *Outbox, m Mail[T], claim T, abandon func()) (stop func() T) {
	if o.NoLeaseExtension {
		return func() T { return claim }
	}
	current := claim
	end := untilHangUp(ctx, o.Now, m.Attempt(claim).HangUp(), abandon, func(ctx context.Context) (time.Time, bool) {
		extended, ours := extendLease(ctx, o, m, current)
		if ours && extended != nil {
			current = *extended
		}
		return m.Attempt(current).HangUp(), ours
	})
	return func() T {
		end()
		return current
	}
}

// untilHangUp calls extend every delivery.RenewEvery. extend returns when to hang up next, and whether the attempt is still this
// sender's. untilHangUp calls abandon if it is not, or when that moment has come, even while extend is running. After end it calls
// neither.
func untilHangUp(
	ctx context.Context, now func() time.Time, hangUp time.Time, abandon func(), extend func(context.Context) (hangUp time.Time, ours bool),
) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	timer := time.AfterFunc(hangUp.Sub(now()), abandon)
	ticks := time.NewTicker(delivery.RenewEvery)
	go func() {
		defer close(ended)
		defer timer.Stop()
		defer ticks.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
			}
			next, ours := extend(ctx)
			if !ours {
				abandon()
			}
			timer.Reset(next.Sub(now()))
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// extendLease writes a later end of the lease. It returns nil if the write failed, and reports whether the attempt is still this
// sender's.
func extendLease[T client.Object](ctx context.Context, o *Outbox, m Mail[T], current T) (extended *T, ours bool) {
	ctx, cancel := context.WithTimeout(ctx, delivery.RenewEvery/2)
	defer cancel()
	live := m.New()
	found, err := store.Get(ctx, o.Live, current.GetNamespace(), current.GetName(), live)
	switch {
	case err != nil:
		return nil, true
	case !found || !sameAttempt(m, live, current):
		return nil, false
	}
	m.Extend(live, o.Now().Add(delivery.SendLease))
	if store.Record(ctx, o.Client, live) != nil {
		return nil, true
	}
	return &live, true
}

// sameAttempt reports whether an object, as it is now, still records the attempt that was claimed.
func sameAttempt[T client.Object](m Mail[T], is, claim T) bool {
	return is.GetUID() == claim.GetUID() && m.Attempt(is).Continues(m.Attempt(claim))
}
