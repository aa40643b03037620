// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// LivePage is how many objects a live list asks for at a time.
const LivePage = 500

// List lists the objects of a namespace ("" for all namespaces) that an index has under a value ("" for no index). Objects from the
// cache are not copied: a caller must not change them.
func List(ctx context.Context, reader client.Reader, list client.ObjectList, namespace, index, value string) error {
	options := []client.ListOption{client.InNamespace(namespace), client.UnsafeDisableDeepCopy}
	if index != "" {
		options = append(options, client.MatchingFields{index: value})
	}
	if err := reader.List(ctx, list, options...); err != nil {
		return fmt.Errorf("list %s in %q by %s=%q: %w", kindOf(list), namespace, index, value, err)
	}
	return nil
}

// Members returns the Members of a namespace that an index has under a value. A caller must not change them.
func Members(ctx context.Context, reader client.Reader, namespace, index, value string) ([]usherv1.Member, error) {
	var list usherv1.MemberList
	err := List(ctx, reader, &list, namespace, index, value)
	return list.Items, err
}

// Pools returns the SeatPools of an account. A caller must not change them.
func Pools(ctx context.Context, reader client.Reader, namespace, account string) ([]usherv1.SeatPool, error) {
	var list usherv1.SeatPoolList
	err := List(ctx, reader, &list, namespace, ByAccount, account)
	return list.Items, err
}

// Accounts returns the Accounts of a namespace ("" for all namespaces) that an index has under a value. A caller must not change
// them.
func Accounts(ctx context.Context, reader client.Reader, namespace, index, value string) ([]usherv1.Account, error) {
	var list usherv1.AccountList
	err := List(ctx, reader, &list, namespace, index, value)
	return list.Items, err
}

// Keys returns the keys of objects.
func Keys[T any, P interface {
	*T
	client.Object
}](objects []T) []types.NamespacedName {
	keys := make([]types.NamespacedName, 0, len(objects))
	for i := range objects {
		keys = append(keys, client.ObjectKeyFromObject(P(&objects[i])))
	}
	return keys
}

// Directory finds members by their address.
type Directory struct {
	// Reader is the cache: the API server would go through all members for each question.
	Reader client.Reader
}

// MembersAt returns the names of the members, of any account, with an address.
func (d Directory) MembersAt(ctx context.Context, email string) ([]types.NamespacedName, error) {
	members, err := Members(ctx, d.Reader, "", ByEmail, usherv1.EmailAddress(email).Key())
	return Keys(members), err
}
