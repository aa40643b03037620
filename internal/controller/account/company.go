// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package account

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/store"
)

// ofSecret returns the account that a Secret with a company's contact is left of, if the cache has no such account: it may have been
// deleted while no operator ran. The deletion of any other brings an event of its own.
func (r *Reconciler) ofSecret(ctx context.Context, _, after client.Object) ([]types.NamespacedName, error) {
	if after == nil {
		return nil, nil
	}
	name, ofCompany := credentials.CompanyOf(after.GetName())
	if !ofCompany {
		return nil, nil
	}
	account := &usherv1.Account{}
	found, err := store.GetReadable(ctx, r.Client, after.GetNamespace(), name, account)
	if err != nil || found && account.DeletionTimestamp == nil {
		return nil, err
	}
	all, err := store.Accounts(ctx, r.Client, after.GetNamespace(), "", "") // the account's name may have been shortened
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].DeletionTimestamp == nil && credentials.CompanyName(all[i].Name) == after.GetName() {
			return nil, nil
		}
	}
	return []types.NamespacedName{{Namespace: after.GetNamespace(), Name: name}}, nil
}

// sweep deletes what the admins of an account entered about their company, once the account is gone or being deleted. Unless deleted says
// that this account was there, sweep waits until it is clear that no account is restored with the Secret. It leaves a Secret of that name
// alone that Usher did not make. The account's name may be one that CompanyOf led to.
func (r *Reconciler) sweep(ctx context.Context, account types.NamespacedName, deleted bool) (ctrl.Result, error) {
	name := credentials.CompanyName(account.Name)
	found, err := store.Get(ctx, r.Client, account.Namespace, name, store.SecretMetadata())
	if err != nil || !found {
		return ctrl.Result{}, err
	}
	present, err := store.Account(ctx, r.Live, account.Namespace, account.Name)
	if err != nil || present != nil {
		return ctrl.Result{}, err
	}
	secret := &corev1.Secret{}
	found, err = store.Get(ctx, r.Live, account.Namespace, name, secret)
	if err != nil || !found {
		return ctrl.Result{}, err
	}
	if !credentials.IsCompany(secret, account) {
		if living, err := r.companyLives(ctx, secret); err != nil || living || !credentials.IsCompanyOfNone(secret) {
			return ctrl.Result{}, err
		}
	}
	if until := credentials.KeptUntil(secret, r.Now()); !deleted && !until.IsZero() {
		return r.WakeAt(until), nil
	}
	return ctrl.Result{}, store.DeleteAsRead(ctx, r.Client, secret)
}

// companyLives reports, by a live list, whether there is an account whose company's Secret has the name of this one.
func (r *Reconciler) companyLives(ctx context.Context, secret *corev1.Secret) (living bool, err error) {
	err = store.EachPage(ctx, r.Live, usherv1.GroupVersion.WithKind("Account"), secret.Namespace,
		func(page *metav1.PartialObjectMetadataList) error {
			living = living || slices.ContainsFunc(page.Items, func(a metav1.PartialObjectMetadata) bool {
				return a.DeletionTimestamp == nil && credentials.CompanyName(a.Name) == secret.Name
			})
			return nil
		})
	return living, err
}
