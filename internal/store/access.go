// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/access"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/labels"
)

// Bindings returns the RoleBindings that Usher made for an account.
func Bindings(ctx context.Context, reader client.Reader, namespace, account string) ([]rbacv1.RoleBinding, error) {
	var list rbacv1.RoleBindingList
	if err := reader.List(ctx, &list, madeFor(namespace, account)...); err != nil {
		return nil, fmt.Errorf("list the RoleBindings of Account %s/%s: %w", namespace, account, err)
	}
	return slices.DeleteFunc(slices.Clone(list.Items), func(b rbacv1.RoleBinding) bool { return access.AccountOf(&b) != account }), nil
}

// Roles returns the Roles that Usher made for an account.
func Roles(ctx context.Context, reader client.Reader, namespace, account string) ([]rbacv1.Role, error) {
	var list rbacv1.RoleList
	if err := reader.List(ctx, &list, madeFor(namespace, account)...); err != nil {
		return nil, fmt.Errorf("list the Roles of Account %s/%s: %w", namespace, account, err)
	}
	return slices.DeleteFunc(slices.Clone(list.Items), func(r rbacv1.Role) bool { return access.AccountOf(&r) != account }), nil
}

// PasswordFiles returns the metadata of the Secrets with a password file that Usher made for an account.
func PasswordFiles(ctx context.Context, reader client.Reader, namespace, account string) ([]metav1.PartialObjectMetadata, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	err := reader.List(ctx, list, client.InNamespace(namespace), client.MatchingLabels(access.PasswordsLabels(account)))
	if err != nil {
		return nil, fmt.Errorf("list the password files of Account %s/%s: %w", namespace, account, err)
	}
	files := slices.DeleteFunc(list.Items, func(s metav1.PartialObjectMetadata) bool { return access.PasswordsOf(&s) != account })
	for i := range files {
		files[i].SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	}
	return files, nil
}

// Credentials returns the metadata of the credentials of an account's members.
func Credentials(ctx context.Context, reader client.Reader, namespace, account string) ([]metav1.PartialObjectMetadata, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	options := []client.ListOption{client.InNamespace(namespace)}
	if account != "" {
		options = append(options, client.MatchingLabels{usherv1.AccountLabel: labels.Value(account)})
	}
	if err := reader.List(ctx, list, options...); err != nil {
		return nil, fmt.Errorf("list the credentials of Account %s/%s: %w", namespace, account, err)
	}
	return slices.DeleteFunc(list.Items, func(s metav1.PartialObjectMetadata) bool {
		_, ofMember := credentials.MemberOf(s.Name)
		return !ofMember
	}), nil
}

func madeFor(namespace, account string) []client.ListOption {
	return []client.ListOption{
		client.InNamespace(namespace), client.UnsafeDisableDeepCopy,
		client.MatchingLabels{usherv1.AccountLabel: labels.Value(account), labels.ManagedBy: labels.Usher},
	}
}
