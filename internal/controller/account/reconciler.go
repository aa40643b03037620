// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package account reconciles Accounts: it sums up members and seats, and reports whether mails can be sent.
package account

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/controller/accountaccess"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/outbox"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

// +kubebuilder:rbac:groups=usher.dev,resources=accounts,verbs=get;list;watch
// +kubebuilder:rbac:groups=usher.dev,resources=accounts/status,verbs=update
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch

// Reconciler reconciles Accounts.
type Reconciler struct {
	reconciler.Base
	outbox *outbox.Outbox
	access *accountaccess.Verdicts
	// hasPortal: the manager knows the portal's URL.
	hasPortal bool
}

// Reconcile reconciles one Account.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	account := &usherv1.Account{}
	found, err := store.Get(ctx, r.Reader(request), request.Namespace, request.Name, account)
	if err != nil {
		return ctrl.Result{}, err
	}
	if found {
		err = r.reconcile(ctx, account)
	} else {
		err = r.sweep(ctx, request.NamespacedName)
	}
	return r.Finish(ctx, request, ctrl.Result{}, err)
}

func (r *Reconciler) reconcile(ctx context.Context, account *usherv1.Account) error {
	access, known := r.access.Of(account)
	if !known {
		return nil // the access controller wakes this one
	}
	observed, err := r.observe(ctx, account)
	if err != nil {
		return err
	}
	observed.Access = access
	wording, unread := r.outbox.Wording(ctx, account)
	observed.Templates, observed.TemplatesUnknown = wordingVerdict(account, wording), unread != nil
	before := account.DeepCopy()
	account.Status = membership.Summarize(observed, r.Now())
	if equality.Semantic.DeepEqual(before.Status, account.Status) {
		return unread
	}
	if err := store.UpdateStatus(ctx, r.Client, account); err != nil {
		return err
	}
	r.emit(before, account)
	return unread
}

func (r *Reconciler) observe(ctx context.Context, account *usherv1.Account) (membership.AccountObservation, error) {
	o := membership.AccountObservation{Account: account}
	var err error
	if o.Members, err = store.Members(ctx, r.Client, account.Namespace, store.ByAccount, account.Name); err != nil {
		return o, err
	}
	if o.Pools, err = store.Pools(ctx, r.Client, account.Namespace, account.Name); err != nil {
		return o, err
	}
	if o.Plan, err = store.Plan(ctx, r.Client, account); err != nil {
		return o, err
	}
	if o.Mail = r.delivery(account); o.Mail != nil && o.Mail.Outdated(account) {
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

// sweep deletes what the admins of an account entered about their company, once the account has been deleted.
func (r *Reconciler) sweep(ctx context.Context, account types.NamespacedName) error {
	meta := store.SecretMetadata()
	found, err := store.Get(ctx, r.Client, account.Namespace, credentials.CompanyName(account.Name), meta)
	if err != nil || !found {
		return err
	}
	present, err := store.Account(ctx, r.Live, account.Namespace, account.Name)
	if err != nil || present != nil {
		return err
	}
	secret := &corev1.Secret{}
	secret.Namespace, secret.Name, secret.UID = meta.Namespace, meta.Name, meta.UID
	return store.DeleteUID(ctx, r.Client, secret)
}
