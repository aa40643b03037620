// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package accountaccess gives the members of an Account in Kubernetes what their roles say, and takes it away: Roles, RoleBindings
// and the password file. Package access has the rules.
//
// It writes no status: the account controller reports its Verdicts in the condition AccessReady.
package accountaccess

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/access"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
	"github.com/usher-dev/usher/internal/undecodable"
)

// retryPause is when an account whose access could not be written is tried again: no event reports that a permission was granted.
const retryPause = time.Minute

// Reconciler reconciles what the members of Accounts may do.
type Reconciler struct {
	reconciler.Base
	// keys sign acceptances.
	keys *store.KeyStore
	// userPrefix comes before a member's address in the name of its Kubernetes user.
	userPrefix string
	// hashes are those of the members' passwords as they were read, by account; see hashCache.
	hashes   sync.Map
	verdicts *Verdicts
	pace     *reconciler.Pace
}

// Reconcile reconciles the access of one Account's members.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	account := &usherv1.Account{}
	found, err := store.Get(ctx, r.Reader(request), request.Namespace, request.Name, account)
	if err != nil && undecodable.Ignore(err) == nil {
		r.verdicts.record(account, nil)
		return r.Finish(ctx, request, ctrl.Result{}, errors.Join(err, r.withhold(ctx, account)))
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	var result ctrl.Result
	if found && account.DeletionTimestamp == nil {
		result, err = r.reconcile(ctx, account)
		if err != nil {
			r.verdicts.record(account, nil)
		}
	} else {
		err = r.withdraw(ctx, request.NamespacedName)
	}
	return r.Finish(ctx, request, result, err)
}

func (r *Reconciler) reconcile(ctx context.Context, account *usherv1.Account) (ctrl.Result, error) {
	members, err := store.Members(ctx, r.Client, account.Namespace, store.ByAccount, account.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	r.pace.Went(client.ObjectKeyFromObject(account), len(members))
	of, err := store.Plan(ctx, r.Client, account)
	if err != nil && undecodable.Ignore(err) == nil {
		return ctrl.Result{}, errors.Join(err, r.withhold(ctx, account))
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	p := projection{Base: r.Base, known: r.hashesOf(account), signer: r.signer(ctx), observed: access.Observation{
		Account: account, Terms: plan.For(account, of), Members: slices.Clone(members), UserPrefix: r.userPrefix,
	}}
	if err := p.settle(ctx); err != nil {
		return ctrl.Result{}, err
	}
	verdict := p.problems.verdict()
	r.verdicts.record(account, &verdict)
	if verdict.Reason != "" {
		return ctrl.Result{RequeueAfter: retryPause}, nil
	}
	return ctrl.Result{}, nil
}

// signer returns what checks acceptances; nil if the keys cannot be read: then those count that a member's status has recorded.
func (r *Reconciler) signer(ctx context.Context) *credentials.Signer {
	signer, err := r.keys.Signer(ctx)
	if err != nil {
		log.FromContext(ctx).Error(err, "cannot check the signatures of acceptances")
		return nil
	}
	return signer
}

// withhold takes access from the account's members who keep none, and changes nothing else: the account or its plan cannot be decoded.
func (r *Reconciler) withhold(ctx context.Context, account *usherv1.Account) error {
	members, err := store.Members(ctx, r.Client, account.Namespace, store.ByAccount, account.Name)
	if err != nil {
		return err
	}
	p := projection{Base: r.Base, known: r.hashesOf(account), signer: r.signer(ctx), observed: access.Observation{
		Account: account, Members: slices.Clone(members), UserPrefix: r.userPrefix, Unreadable: true,
	}}
	return p.withhold(ctx)
}

// withdraw deletes all that was made for an Account that does not exist or is being deleted.
func (r *Reconciler) withdraw(ctx context.Context, account types.NamespacedName) error {
	present, err := store.Account(ctx, r.Live, account.Namespace, account.Name)
	if err != nil || present != nil {
		return err
	}
	bindings, err := store.Bindings(ctx, r.Client, account.Namespace, account.Name)
	if err != nil {
		return err
	}
	for i := range bindings {
		if err := store.DeleteAsRead(ctx, r.Client, &bindings[i]); err != nil {
			return err
		}
	}
	roles, err := store.Roles(ctx, r.Client, account.Namespace, account.Name)
	if err != nil {
		return err
	}
	for i := range roles {
		if err := store.DeleteAsRead(ctx, r.Client, &roles[i]); err != nil {
			return err
		}
	}
	r.hashes.Delete(account)
	r.pace.Forget(account)
	r.verdicts.forget(account)
	return deletePasswordFiles(ctx, r.Base, account.Namespace, account.Name, "")
}
