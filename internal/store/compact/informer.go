// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package compact

import (
	"fmt"
	"time"

	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// idle is for how long an object stays decoded that no one reads. It is longer than changes are batched, so that while members of an
// account change, lists of them decode nothing.
const idle = 500 * time.Millisecond

// informer is an informer whose store has encoded objects, which it decodes for everyone.
type informer struct {
	cache.SharedIndexInformer
	kind    *kind
	indexer *indexer
}

// NewInformer returns an informer of an object's kind that keeps its objects encoded. inner is an informer that has not started; no one
// else may use it. unique reports whether nearly every object has another value in an index.
func NewInformer(
	inner cache.SharedIndexInformer, example client.Object, unique func(index string) bool,
) (cache.SharedIndexInformer, error) {
	i := &informer{SharedIndexInformer: inner, kind: newKind(example, idle), indexer: newIndexer(inner.GetIndexer(), unique)}
	return i, i.SetTransform(nil)
}

// SetTransform implements cache.SharedInformer. transform gets decoded objects; it may be nil.
func (i *informer) SetTransform(transform cache.TransformFunc) error {
	return i.SharedIndexInformer.SetTransform(func(item any) (any, error) { //nolint:wrapcheck // it is this informer's error
		if _, done := item.(*object); done {
			return item, nil
		}
		if transform != nil {
			var err error
			if item, err = transform(item); err != nil {
				return nil, err
			}
		}
		o, ok := item.(client.Object)
		if !ok {
			return nil, fmt.Errorf("a %T is no object", item)
		}
		return i.kind.encode(o), nil
	})
}

// GetStore implements cache.SharedInformer.
func (i *informer) GetStore() cache.Store { return i.indexer }

// GetIndexer implements cache.SharedIndexInformer.
func (i *informer) GetIndexer() cache.Indexer { return i.indexer }

// AddIndexers implements cache.SharedIndexInformer. Their functions get decoded objects.
func (i *informer) AddIndexers(indexers cache.Indexers) error {
	return i.SharedIndexInformer.AddIndexers(i.indexer.wrap(indexers)) //nolint:wrapcheck // it is this informer's error
}

// AddEventHandler implements cache.SharedInformer.
func (i *informer) AddEventHandler(h cache.ResourceEventHandler) (cache.ResourceEventHandlerRegistration, error) {
	return i.SharedIndexInformer.AddEventHandler(handler{h}) //nolint:wrapcheck // it is this informer's error
}

// AddEventHandlerWithResyncPeriod implements cache.SharedInformer.
func (i *informer) AddEventHandlerWithResyncPeriod(
	h cache.ResourceEventHandler, resync time.Duration,
) (cache.ResourceEventHandlerRegistration, error) {
	return i.SharedIndexInformer.AddEventHandlerWithResyncPeriod(handler{h}, resync) //nolint:wrapcheck // it is this informer's error
}

// AddEventHandlerWithOptions implements cache.SharedInformer.
func (i *informer) AddEventHandlerWithOptions(
	h cache.ResourceEventHandler, options cache.HandlerOptions,
) (cache.ResourceEventHandlerRegistration, error) {
	return i.SharedIndexInformer.AddEventHandlerWithOptions(handler{h}, options) //nolint:wrapcheck // it is this informer's error
}

// handler decodes the objects of events.
type handler struct{ cache.ResourceEventHandler }

// OnAdd implements cache.ResourceEventHandler.
func (h handler) OnAdd(item any, isInInitialList bool) {
	h.ResourceEventHandler.OnAdd(decoded(item), isInInitialList)
}

// OnUpdate implements cache.ResourceEventHandler.
func (h handler) OnUpdate(before, after any) {
	h.ResourceEventHandler.OnUpdate(decoded(before), decoded(after))
}

// OnDelete implements cache.ResourceEventHandler.
func (h handler) OnDelete(item any) {
	if unseen, ok := item.(cache.DeletedFinalStateUnknown); ok {
		unseen.Obj = decoded(unseen.Obj)
		h.ResourceEventHandler.OnDelete(unseen)
		return
	}
	h.ResourceEventHandler.OnDelete(decoded(item))
}

// decoded returns an object of the store decoded, and anything else as it is.
func decoded(item any) any {
	if o, ok := item.(*object); ok {
		return o.get()
	}
	return item
}
