// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// scopedClient is the manager's client. Its cache has the objects of some namespaces only, and answers a question about another one
// with an error. For a manager that does not watch a namespace, there is nothing in it: a Secret there, such as the default SMTP Secret
// in the manager's own namespace, belongs to no account that is there.
type scopedClient struct {
	client.Client
	namespaces []string
}

// newScopedClient returns a constructor of clients that know these namespaces; all if there are none.
func newScopedClient(namespaces []string) client.NewClientFunc {
	return func(config *rest.Config, options client.Options) (client.Client, error) {
		full, err := client.New(config, options)
		if err != nil {
			return nil, fmt.Errorf("create the cached client: %w", err)
		}
		if len(namespaces) == 0 {
			return full, nil
		}
		return &scopedClient{Client: full, namespaces: namespaces}, nil
	}
}

// Get implements client.Reader.
func (c *scopedClient) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if c.knows(key.Namespace) {
		return c.Client.Get(ctx, key, object, options...) //nolint:wrapcheck // it is this client's error
	}
	resource, err := c.resourceOf(object)
	if err != nil {
		return err
	}
	return apierrors.NewNotFound(resource, key.Name)
}

// List implements client.Reader.
func (c *scopedClient) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	all := client.ListOptions{}
	all.ApplyOptions(options)
	if c.knows(all.Namespace) {
		return c.Client.List(ctx, list, options...) //nolint:wrapcheck // it is this client's error
	}
	if err := meta.SetList(list, nil); err != nil {
		return fmt.Errorf("empty a list: %w", err)
	}
	return nil
}

// knows reports whether the cache has a namespace; "" is all that it has, or a kind without namespaces.
func (c *scopedClient) knows(namespace string) bool {
	return namespace == "" || slices.Contains(c.namespaces, namespace)
}

func (c *scopedClient) resourceOf(object client.Object) (schema.GroupResource, error) {
	kind, err := apiutil.GVKForObject(object, c.Scheme())
	if err != nil {
		return schema.GroupResource{}, fmt.Errorf("find the kind of an object: %w", err)
	}
	return schema.GroupResource{Group: kind.Group, Resource: kind.Kind}, nil
}
