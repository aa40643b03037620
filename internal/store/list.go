// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/undecodable"
)

// livePage is how many objects a live list asks for at a time.
const livePage = 500

// List lists the objects of a namespace ("" for all namespaces) that an index has under a value. With index "" it lists all of them. The
// cache knows every index of Indexes, the API server only those that are selectable fields. Objects from the cache are not copied: a
// caller must not change them. Of an object that cannot be decoded, the list has what can be read of it.
func List(ctx context.Context, reader client.Reader, list client.ObjectList, namespace, index, value string) error {
	options := []client.ListOption{client.InNamespace(namespace), client.UnsafeDisableDeepCopy}
	if index != "" {
		options = append(options, client.MatchingFields{index: value})
	}
	if err := reader.List(ctx, list, options...); err != nil {
		what := kindOf(list)
		if namespace != "" {
			what += " in namespace " + namespace
		}
		if index != "" {
			what += fmt.Sprintf(" with %s=%q", index, value)
		}
		return fmt.Errorf("list %s: %w", what, err)
	}
	return nil
}

// AnyUndecodable returns err, or else the error of the first of the objects that cannot be decoded and matters for the question that they
// were listed for.
func AnyUndecodable[T any, P interface {
	*T
	client.Object
}](err error, objects []T, matters func(P) bool) error {
	if err != nil {
		return err
	}
	for i := range objects {
		if problem := undecodable.Of(P(&objects[i])); problem != nil && matters(&objects[i]) {
			return problem
		}
	}
	return nil
}

// EachPage lists the metadata of a kind's objects in a namespace from the API server, and passes it on page by page. An error of visit
// ends the list and is returned as it is.
func EachPage(
	ctx context.Context, live client.Reader, kind schema.GroupVersionKind, namespace string,
	visit func(page *metav1.PartialObjectMetadataList) error, options ...client.ListOption,
) error {
	options = append(options, client.InNamespace(namespace), client.Limit(livePage))
	for next := ""; ; {
		page := &metav1.PartialObjectMetadataList{}
		page.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		if err := live.List(ctx, page, append(slices.Clone(options), client.Continue(next))...); err != nil {
			return fmt.Errorf("list %s in namespace %s: %w", kind.Kind, namespace, err)
		}
		if err := visit(page); err != nil {
			return err
		}
		if next = page.Continue; next == "" {
			return nil
		}
	}
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

// MembersAt returns the names of the members, of any account, that have an address in use or want it.
func (d Directory) MembersAt(ctx context.Context, email string) ([]types.NamespacedName, error) {
	members, err := Members(ctx, d.Reader, "", ByEmail, usherv1.EmailAddress(email).Key())
	return Keys(members), err
}
