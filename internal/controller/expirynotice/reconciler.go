// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package expirynotice sends the notices that members' access expires.
//
// It writes status.endNotices of a Member and nothing else of it. The member controller writes the rest; each carries the
// resourceVersion that it read.
package expirynotice

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/outbox"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

// Reconciler reconciles the expiry notices of Members.
type Reconciler struct {
	reconciler.Base
	outbox  *outbox.Outbox
	wakeups *reconciler.Wakeups
}

// Reconcile reconciles the notices of one Member.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	if result, settled := r.outbox.Settle(ctx, r.wakeups, request.NamespacedName); !settled {
		return result, nil
	}
	member := &usherv1.Member{}
	found, err := store.Get(ctx, r.Reader(request), request.Namespace, request.Name, member)
	if err != nil {
		return ctrl.Result{}, err
	}
	var result ctrl.Result
	if found && member.Spec.AccessUntil != nil {
		result, err = r.reconcile(ctx, member)
	}
	return r.Finish(ctx, request, result, err)
}

func (r *Reconciler) reconcile(ctx context.Context, member *usherv1.Member) (ctrl.Result, error) {
	cached, err := r.observe(ctx, r.Client, member)
	if err != nil {
		return ctrl.Result{}, err
	}
	observed, plan, err := reconciler.DecideLive(cached, r.decide, func() (membership.ExpiryNoticeObservation, error) {
		return r.observeLive(ctx, member)
	})
	if err != nil || observed.Member == nil {
		return ctrl.Result{}, err
	}
	if plan.Send != "" {
		return outbox.Send(ctx, r.outbox, &mail{r: r, observed: observed})
	}
	return r.writeStatus(ctx, observed, plan)
}

func (r *Reconciler) decide(o membership.ExpiryNoticeObservation) membership.ExpiryNoticePlan {
	if o.Member == nil {
		return membership.ExpiryNoticePlan{}
	}
	return membership.DecideExpiryNotices(o, r.Now())
}

// writeStatus writes notices that nothing is sent for.
func (r *Reconciler) writeStatus(
	ctx context.Context, o membership.ExpiryNoticeObservation, plan membership.ExpiryNoticePlan,
) (ctrl.Result, error) {
	member := o.Member
	if plan.AwaitsTurn != "" {
		id, key := idOf(member, plan.AwaitsTurn), client.ObjectKeyFromObject(member)
		r.outbox.Endpoints.Await(o.Account, id, r.wakeups, key, r.Now())
	}
	if !equality.Semantic.DeepEqual(member.Status.EndNotices, plan.Notices) {
		member.Status.EndNotices = plan.Notices
		if err := store.UpdateStatus(ctx, r.Client, member); err != nil {
			return ctrl.Result{}, err
		}
	}
	return r.WakeAt(plan.Wake), nil
}

// observe loads what a decision about the notices of the Member depends on, through reader: the cache or the API server.
func (r *Reconciler) observe(
	ctx context.Context, reader client.Reader, member *usherv1.Member,
) (membership.ExpiryNoticeObservation, error) {
	o := membership.ExpiryNoticeObservation{Member: member}
	var err error
	if o.Account, err = store.Account(ctx, reader, member.Namespace, member.Spec.AccountRef.Name); err != nil || o.Account == nil {
		return o, err
	}
	for _, to := range []usherv1.EndNoticeRecipient{usherv1.NoticeToMember, usherv1.NoticeToContact} {
		if r.outbox.Endpoints.Turn(o.Account, idOf(member, to), r.Now()) {
			o.Turn = append(o.Turn, to)
		}
	}
	if membership.NoticeDue(member, r.Now()) {
		o.Contact, err = store.Contact(ctx, r.Client, r.Live, o.Account)
	}
	return o, err
}

// observeLive reads the Member and all that observe loads from the API server. The observation has no Member if it is gone.
func (r *Reconciler) observeLive(ctx context.Context, cached *usherv1.Member) (membership.ExpiryNoticeObservation, error) {
	member := &usherv1.Member{}
	found, err := store.Get(ctx, r.Live, cached.Namespace, cached.Name, member)
	if err != nil || !found {
		return membership.ExpiryNoticeObservation{}, err
	}
	return r.observe(ctx, r.Live, member)
}
