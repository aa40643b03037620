// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/undecodable"
)

// Get reads one object and reports whether it exists.
func Get(ctx context.Context, reader client.Reader, namespace, name string, object client.Object) (found bool, err error) {
	err = reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object)
	switch {
	case err == nil:
		return true, nil
	case apierrors.IsNotFound(err):
		return false, nil
	}
	return false, fmt.Errorf("get %s: %w", describe(object, namespace, name), err)
}

// GetReadable reads what can be read of one object, and reports whether it exists. Use it where the object's metadata or seats matter,
// and nothing is decided for the object itself: parts that cannot be decoded are absent.
func GetReadable(ctx context.Context, reader client.Reader, namespace, name string, object client.Object) (found bool, err error) {
	found, err = Get(ctx, reader, namespace, name, object)
	if undecodable.Ignore(err) == nil {
		return found || err != nil, nil
	}
	return false, err
}

// Account reads an Account; nil if it does not exist or is being deleted. From the moment of its deletion an Account gives nothing and is
// given nothing, also while finalizers keep the object, as in a foreground deletion: what that removes must not be made again.
func Account(ctx context.Context, reader client.Reader, namespace, name string) (*usherv1.Account, error) {
	account, err := AnyAccount(ctx, reader, namespace, name)
	if err != nil || account == nil || account.DeletionTimestamp != nil {
		return nil, err
	}
	return account, nil
}

// AnyAccount reads an Account, even if it is being deleted; nil if it does not exist.
func AnyAccount(ctx context.Context, reader client.Reader, namespace, name string) (*usherv1.Account, error) {
	account := &usherv1.Account{}
	if found, err := Get(ctx, reader, namespace, name, account); err != nil || !found {
		return nil, err
	}
	return account, nil
}

// Plan reads the Plan of an account, which may be nil; nil if the Plan does not exist or none is named.
func Plan(ctx context.Context, reader client.Reader, account *usherv1.Account) (*usherv1.Plan, error) {
	if account == nil || account.Spec.PlanRef == nil {
		return nil, nil
	}
	plan := &usherv1.Plan{}
	if found, err := Get(ctx, reader, "", account.Spec.PlanRef.Name, plan); err != nil || !found {
		return nil, err
	}
	return plan, nil
}

// Contact reads how the account's company is reached: what its spec says, completed by what its admins entered on their profile
// page. The Secret with the latter is read live, and only where the cache of metadata has it: most accounts have none.
func Contact(ctx context.Context, cache, live client.Reader, account *usherv1.Account) (usherv1.AccountContact, error) {
	secret, name := &corev1.Secret{}, credentials.CompanyName(account.Name)
	found, err := Get(ctx, cache, account.Namespace, name, SecretMetadata())
	if err == nil && found {
		_, err = Get(ctx, live, account.Namespace, name, secret)
	}
	if err != nil {
		return usherv1.AccountContact{}, err
	}
	return credentials.Contact(account, secret), nil
}

// SecretMetadata returns an empty object to read a Secret's metadata into. The cache holds nothing else of Secrets.
func SecretMetadata() *metav1.PartialObjectMetadata {
	meta := &metav1.PartialObjectMetadata{}
	meta.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	return meta
}

// ConfigMapMetadata returns an empty object to read a ConfigMap's metadata into.
func ConfigMapMetadata() *metav1.PartialObjectMetadata {
	meta := &metav1.PartialObjectMetadata{}
	meta.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	return meta
}

// describe names an object in errors, such as "Member acme/ada".
func describe(object client.Object, namespace, name string) string {
	if namespace != "" {
		name = namespace + "/" + name
	}
	return kindOf(object) + " " + name
}

func kindOf(object any) string {
	if meta, ok := object.(*metav1.PartialObjectMetadata); ok {
		return meta.Kind + " metadata"
	}
	kind := fmt.Sprintf("%T", object)
	return kind[strings.LastIndexByte(kind, '.')+1:]
}
