// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
)

// contactOf is how the account's company is reached. What its own admins say is read only where the cache of metadata knows of
// something: most never say anything.
func contactOf(ctx context.Context, cache, live client.Reader, account *usherv1.Account) (usherv1.AccountContact, error) {
	secret := &corev1.Secret{}
	name := credentials.CompanyName(account.Name)
	said, err := get(ctx, cache, account.Namespace, name, secretMetadata())
	if said {
		_, err = get(ctx, live, account.Namespace, name, secret)
	}
	return credentials.Contact(account, secret), err
}

// sweepCompany deletes what the admins of an account said of their company, once the account has been deleted.
func (r *AccountReconciler) sweepCompany(ctx context.Context, account types.NamespacedName) error {
	meta := secretMetadata()
	if found, err := get(ctx, r.Client, account.Namespace, credentials.CompanyName(account.Name), meta); !found {
		return err
	}
	if there, err := get(ctx, r.Live, account.Namespace, account.Name, &usherv1.Account{}); err != nil || there {
		return err
	}
	secret := &corev1.Secret{}
	secret.Namespace, secret.Name = meta.Namespace, meta.Name
	return client.IgnoreNotFound(r.Client.Delete(ctx, secret, client.Preconditions{UID: &meta.UID}))
}
