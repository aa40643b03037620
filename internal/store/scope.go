// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ClusterScoped reports whether the objects of a kind are in no namespace. A list of them ignores the namespace that it is asked for.
func ClusterScoped(api client.Client, kind schema.GroupVersionKind) (bool, error) {
	mapping, err := api.RESTMapper().RESTMapping(kind.GroupKind(), kind.Version)
	switch {
	case meta.IsNoMatchError(err):
		return false, err //nolint:wrapcheck // callers ask for this error, which names the kind
	case err != nil:
		return false, fmt.Errorf("find out the scope of kind %s of %s: %w", kind.Kind, kind.GroupVersion(), err)
	}
	return mapping.Scope.Name() == meta.RESTScopeNameRoot, nil
}
