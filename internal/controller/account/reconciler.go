// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package account reconciles Accounts: it sums up members and seats, and reports whether mails can be sent.
package account

import (
	"context"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/controller/accountaccess"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/outbox"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
	"github.com/usher-dev/usher/internal/undecodable"
)

// Reconciler reconciles Accounts.
type Reconciler struct {
	reconciler.Base
	outbox *outbox.Outbox
	access *accountaccess.Verdicts
	// hasPortal: the manager knows the portal's URL.
	hasPortal bool
	pace      *reconciler.Pace
	// known are the accounts that were there, and whose company has not been swept since.
	known sync.Map
}

// Reconcile reconciles one Account.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	account := &usherv1.Account{}
	found, err := store.Get(ctx, r.Reader(request), request.Namespace, request.Name, account)
	if err != nil {
		return ctrl.Result{}, err
	}
	var result ctrl.Result
	if found {
		r.known.Store(request.NamespacedName, true)
		result, err = r.reconcile(ctx, account)
	}
	if err == nil && (!found || account.DeletionTimestamp != nil) {
		r.pace.Forget(request.NamespacedName)
		_, known := r.known.Load(request.NamespacedName)
		var swept ctrl.Result
		if swept, err = r.sweep(ctx, request.NamespacedName, found || known); err == nil && !found {
			r.known.Delete(request.NamespacedName)
		}
		if result.RequeueAfter == 0 || swept.RequeueAfter > 0 && swept.RequeueAfter < result.RequeueAfter {
			result = swept
		}
	}
	return r.Finish(ctx, request, result, err)
}

func (r *Reconciler) reconcile(ctx context.Context, account *usherv1.Account) (ctrl.Result, error) {
	access, known := r.access.Of(account)
	if !known && account.DeletionTimestamp == nil {
		return ctrl.Result{}, nil // the access controller wakes this one
	}
	observed, err := r.observe(ctx, account)
	if err != nil {
		return ctrl.Result{}, err
	}
	observed.Access = access
	wording, unread := r.outbox.Wording(ctx, account)
	observed.Templates, observed.TemplatesUnknown = wordingVerdict(account, wording), unread != nil
	before := account.DeepCopy()
	status, wake := membership.Summarize(observed, r.Now())
	account.Status = status
	if equality.Semantic.DeepEqual(before.Status, account.Status) {
		return r.WakeAt(wake), unread
	}
	if err := store.UpdateStatus(ctx, r.Client, account); err != nil {
		return ctrl.Result{}, err
	}
	r.emit(before, account)
	return r.WakeAt(wake), unread
}

func (r *Reconciler) observe(ctx context.Context, account *usherv1.Account) (membership.AccountObservation, error) {
	o := membership.AccountObservation{Account: account}
	var err error
	if o.Members, err = store.Members(ctx, r.Client, account.Namespace, store.ByAccount, account.Name); err != nil {
		return o, err
	}
	r.pace.Went(client.ObjectKeyFromObject(account), len(o.Members))
	// What is recorded of a member is recorded once it can be read.
	o.Members = slices.DeleteFunc(slices.Clone(o.Members), func(m usherv1.Member) bool {
		return undecodable.Of(&m) != nil && (m.DeletionTimestamp != nil || m.Spec.Email == "")
	})
	if o.Pools, err = store.Pools(ctx, r.Client, account.Namespace, account.Name); err != nil {
		return o, err
	}
	if o.Plan, err = store.Plan(ctx, r.Client, account); err != nil {
		return o, err
	}
	if o.Mail = r.delivery(account); o.Mail != nil && o.Mail.Outdated(account, r.Now()) {
		r.outbox.Endpoints.Suspect(account)
	}
	return o, nil
}

// delivery returns what is known of the way in which the account's links are delivered; nil before the first probe of its endpoint.
func (r *Reconciler) delivery(account *usherv1.Account) *membership.MailVerdict {
	switch {
	case !account.DeliversByLink():
		return r.outbox.Endpoints.Verdict(account)
	case !r.hasPortal:
		verdict := outbox.NotConfigured
		verdict.At = r.Now()
		return &verdict
	}
	return &membership.MailVerdict{
		Ready: true, Reason: usherv1.ReasonLinkDelivery, At: r.Now(),
		Message: "No mails are sent: links are given to those who may get them",
	}
}
