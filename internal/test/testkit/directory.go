// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/api/v1alpha1"
)

// MembersAt returns a function that finds a namespace's members by the address in use and the one that they want, as a manager's
// cache does, for a portal without a manager.
func MembersAt(api client.Reader, namespace string) func(context.Context, string) ([]types.NamespacedName, error) {
	return func(ctx context.Context, email string) ([]types.NamespacedName, error) {
		var all v1alpha1.MemberList
		if err := api.List(ctx, &all, client.InNamespace(namespace)); err != nil {
			return nil, err
		}
		var found []types.NamespacedName
		for i := range all.Items {
			m, is := &all.Items[i], v1alpha1.EmailAddress(email)
			if m.EmailInUse().SameAs(is) || m.Spec.Email.SameAs(is) {
				found = append(found, client.ObjectKeyFromObject(&all.Items[i]))
			}
		}
		return found, nil
	}
}
