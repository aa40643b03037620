// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/api/equality"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/membership"
)

// +kubebuilder:rbac:groups=usher.dev,resources=accounts,verbs=get;list;watch
// +kubebuilder:rbac:groups=usher.dev,resources=accounts/status,verbs=update
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;update;delete

// AccountReconciler adds up an account's members and seats, and tells whether mail can be sent.
type AccountReconciler struct {
	Environment
	Servers *MailServers
	// Configured: the manager knows the portal's URL. Without it there are no links.
	Configured bool
	// UserPrefix comes before the address of a member where Kubernetes is to know it.
	UserPrefix string

	passwords passwords
}

// Reconcile looks at one Account.
func (r *AccountReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	account := &usherv1.Account{}
	if found, err := get(ctx, r.reader(request), request.Namespace, request.Name, account); err != nil {
		return ctrl.Result{}, err
	} else if !found {
		err := errors.Join(r.withdraw(ctx, request.Namespace, request.Name), r.sweepCompany(ctx, request.NamespacedName))
		return r.outcome(ctx, request, ctrl.Result{}, err)
	}
	result, err := r.reconcile(ctx, account)
	return r.outcome(ctx, request, result, err)
}

func (r *AccountReconciler) reconcile(ctx context.Context, account *usherv1.Account) (ctrl.Result, error) {
	of := listed(account.Namespace, client.MatchingFields{indexAccount: account.Name})
	var members usherv1.MemberList
	if err := r.Client.List(ctx, &members, of...); err != nil {
		return ctrl.Result{}, err
	}
	var pools usherv1.SeatPoolList
	if err := r.Client.List(ctx, &pools, of...); err != nil {
		return ctrl.Result{}, err
	}
	tier, err := planOf(ctx, r.Client, account)
	if err != nil {
		return ctrl.Result{}, err
	}
	verdict := r.delivery(account)
	if verdict != nil && verdict.Outdated(account) {
		r.Servers.Suspect(account)
	}
	templates, err := templatesOf(ctx, r.Live, account)
	if err != nil {
		return ctrl.Result{}, err
	}
	granted, err := r.project(ctx, account, tier, members.Items)
	if err != nil {
		return ctrl.Result{}, err
	}
	var again ctrl.Result
	if granted.Reason != "" {
		again.RequeueAfter = accessPause
	}
	before := account.DeepCopy()
	account.Status = membership.Summarize(membership.AccountObservation{
		Account: account, Plan: tier, Members: members.Items, Pools: pools.Items, Mail: verdict,
		Templates: templates.verdict(account), Access: granted,
	}, r.Now())
	if equality.Semantic.DeepEqual(before.Status, account.Status) {
		return again, nil
	}
	if err := r.Client.Status().Update(ctx, account); err != nil {
		return ctrl.Result{}, err
	}
	r.announceAccount(before, account)
	return again, nil
}

// delivery is what is known of the way that the account's links take; nil before the first probe of its mail server.
func (r *AccountReconciler) delivery(account *usherv1.Account) *membership.MailVerdict {
	switch {
	case !account.DeliversByLink():
		return r.Servers.Verdict(account)
	case !r.Configured:
		verdict := notConfigured
		verdict.At = r.Now()
		return &verdict
	}
	return &membership.MailVerdict{
		Ready: true, Reason: usherv1.ReasonLinkDelivery, Message: "Nothing is mailed: links are given to who may get them", At: r.Now(),
	}
}
