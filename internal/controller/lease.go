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
// it was last written. It calls abandon at the moment to hang up, or when the attempt is somebody else's by now.
func (r *InvitationReconciler) keepLease(ctx context.Context, fence *usherv1.Invitation, remind usherv1.Lead, abandon func()) (stop func() *usherv1.Invitation) {
	if !r.LastingMails {
		return func() *usherv1.Invitation { return fence }
	}
	current := fence
	end := untilHangUp(ctx, r.Now, invite.HangUp(&fence.Status, remind), abandon, func(ctx context.Context) (time.Time, bool) {
		renewed, ours := r.renew(ctx, current, remind)
		if renewed != nil {
			current = renewed
		}
		return invite.HangUp(&current.Status, remind), ours
	})
	return func() *usherv1.Invitation {
		end()
		return current
	}
}

// untilHangUp calls renew every invite.RenewEvery, which says when to hang up next, and whether there is still something to renew.
// It calls abandon if there is not, or when that moment has come, even if renew is still at it. After end it calls neither.
func untilHangUp(
	ctx context.Context, now func() time.Time, hangUp time.Time, abandon func(), renew func(context.Context) (hangUp time.Time, ours bool),
) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	timer := time.AfterFunc(hangUp.Sub(now()), abandon)
	ticks := time.NewTicker(invite.RenewEvery)
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
			next, ours := renew(ctx)
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
