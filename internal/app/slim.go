// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/store"
	"github.com/usher-dev/usher/internal/store/compact"
)

// compactInformer returns a constructor of informers that keep the objects of which there is one for each member encoded, and others as
// next does. Those are the kinds of Members and Invitations, and the metadata of any kind, such as that of the credentials Secrets.
func compactInformer(next informerConstructor) informerConstructor {
	unique := map[string]bool{}
	for _, index := range store.Indexes() {
		unique["field:"+index.Field] = index.Unique
	}
	return func(
		lw toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers,
	) toolscache.SharedIndexInformer {
		informer := next(lw, object, resync, indexers)
		switch object.(type) {
		case *usherv1.Member, *usherv1.Invitation, *metav1.PartialObjectMetadata:
		default:
			return informer
		}
		encoded, err := compact.NewInformer(informer, object.(client.Object), func(index string) bool { return unique[index] })
		if err != nil {
			panic(fmt.Sprintf("an informer that has not started takes no transform: %v", err)) // cannot happen
		}
		return encoded
	}
}

// strip removes from an object what no reader of the cache needs: who set which field; and of what is cached as metadata only, the
// configuration that kubectl has applied, which may be larger than all other metadata. No one can write an object of which there is the
// metadata only, and a patch of it says what has changed; so neither is taken away on the API server.
func strip(item any) (any, error) {
	if meta, ok := item.(*metav1.PartialObjectMetadata); ok {
		delete(meta.Annotations, corev1.LastAppliedConfigAnnotation)
	}
	return cache.TransformStripManagedFields()(item)
}
