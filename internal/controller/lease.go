// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/invite"
)

// keepLease says again and again that the sender of this attempt is alive, until stop is called, and returns the Invitation as
// it was last written. It calls abandon when it cannot say so in time, or when the attempt is somebody else's by now.
func (r *InvitationReconciler) keepLease(ctx context.Context, fence *usherv1.Invitation, remind usherv1.Lead, abandon context.CancelFunc) (stop func() *usherv1.Invitation) {
	if r.Tick == nil {
		return func() *usherv1.Invitation { return fence }
	}
	ctx, cancel := context.WithCancel(ctx)
	last := make(chan *usherv1.Invitation, 1)
	ticks, stopTicks := r.Tick(invite.RenewEvery)
	go func() {
		defer stopTicks()
		current := fence
		for {
			select {
			case <-ctx.Done():
				last <- current
				return
			case <-ticks:
			}
			renewed, ours := r.renew(ctx, current, remind)
			if renewed != nil {
				current = renewed
			}
			if !ours || !r.Now().Before(invite.LeaseEnd(&current.Status, remind).Add(-invite.RenewEvery/2)) {
				abandon()
			}
		}
	}()
	return func() *usherv1.Invitation {
		cancel()
		return <-last
	}
}

// renew writes a later end of the lease. It returns nil if that could not be written now, and whether the attempt is still ours.
func (r *InvitationReconciler) renew(ctx context.Context, current *usherv1.Invitation, remind usherv1.Lead) (renewed *usherv1.Invitation, ours bool) {
	ctx, cancel := context.WithTimeout(ctx, invite.RenewEvery/2)
	defer cancel()
	live := &usherv1.Invitation{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(current), live); err != nil {
		return nil, client.IgnoreNotFound(err) != nil
	}
	if !invite.SameAttempt(live, current, remind) {
		return nil, false
	}
	invite.Extend(&live.Status, remind, r.Now().Add(invite.SendLease))
	if err := r.Client.Status().Update(ctx, live); err != nil {
		return nil, true
	}
	return live, true
}

// tick is the Tick of a manager that runs on the wall clock.
func tick(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTicker(d)
	return t.C, t.Stop
}
