// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package emailchange sends the mails about changes of members' addresses: the notice to the former address, and the link to the new one.
//
// It writes status.emailChange of a Member, once the member controller has made it, and nothing else of the Member. Each carries the
// resourceVersion that it read.
package emailchange

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

// recipients of the mails about a change of address.
var recipients = []usherv1.EmailChangeRecipient{usherv1.MailToFormerAddress, usherv1.MailToNewAddress}

// Reconciler reconciles the changes of Members' addresses.
type Reconciler struct {
	reconciler.Base
	outbox *outbox.Outbox
	// keys make the links.
	keys *store.KeyStore
	// portalURL is the public base URL of the links, without a slash at the end.
	portalURL string
	wakeups   *reconciler.Wakeups
}

// Reconcile reconciles the change of one Member's address.
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
	if found && member.Status.EmailChange != nil {
		result, err = r.reconcile(ctx, member)
	}
	return r.Finish(ctx, request, result, err)
}

func (r *Reconciler) reconcile(ctx context.Context, member *usherv1.Member) (ctrl.Result, error) {
	cached, err := r.observe(ctx, r.Client, member)
	if err != nil {
		return ctrl.Result{}, err
	}
	observed, plan, err := reconciler.DecideLive(cached, r.decide, func() (membership.EmailChangeObservation, error) {
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

func (r *Reconciler) decide(o membership.EmailChangeObservation) membership.EmailChangePlan {
	if o.Member == nil {
		return membership.EmailChangePlan{}
	}
	return membership.DecideEmailChange(o, r.Now())
}

// writeStatus writes a change that nothing is sent for.
func (r *Reconciler) writeStatus(
	ctx context.Context, o membership.EmailChangeObservation, plan membership.EmailChangePlan,
) (ctrl.Result, error) {
	member := o.Member
	if plan.AwaitsTurn != "" {
		id, key := idOf(member, plan.AwaitsTurn), client.ObjectKeyFromObject(member)
		r.outbox.Endpoints.Await(o.Account, id, r.wakeups, key, r.Now())
	}
	if !equality.Semantic.DeepEqual(member.Status.EmailChange, plan.Change) {
		member.Status.EmailChange = plan.Change
		if err := store.UpdateStatus(ctx, r.Client, member); err != nil {
			return ctrl.Result{}, err
		}
	}
	return r.WakeAt(plan.Wake), nil
}

// observe loads what a decision about the mails depends on, through reader: the cache or the API server.
func (r *Reconciler) observe(
	ctx context.Context, reader client.Reader, member *usherv1.Member,
) (membership.EmailChangeObservation, error) {
	o := membership.EmailChangeObservation{Member: member}
	var err error
	if o.Account, err = store.Account(ctx, reader, member.Namespace, member.Spec.AccountRef.Name); err != nil || o.Account == nil {
		return o, err
	}
	for _, to := range recipients {
		if r.outbox.Endpoints.Turn(o.Account, idOf(member, to), r.Now()) {
			o.Turn = append(o.Turn, to)
		}
	}
	keys, err := r.keys.Get(ctx)
	if err != nil {
		return o, err
	}
	o.KeyID = keys.ID()
	if c := member.Status.EmailChange; c != nil && c.KeyID != "" {
		o.KeyLost = !keys.Has(c.KeyID)
	}
	return o, nil
}

// observeLive reads the Member and all that observe loads from the API server. The observation has no Member if it is gone.
func (r *Reconciler) observeLive(ctx context.Context, cached *usherv1.Member) (membership.EmailChangeObservation, error) {
	member := &usherv1.Member{}
	found, err := store.Get(ctx, r.Live, cached.Namespace, cached.Name, member)
	if err != nil || !found {
		return membership.EmailChangeObservation{}, err
	}
	return r.observe(ctx, r.Live, member)
}
