// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/usher-dev/usher/internal/undecodable"
)

// relistEvery is how often a cache is compared with the API server even if its watch reports no problem. If a proxy or
// an API server lost an event, the cache lacks it for no longer than this. A comparison without a difference causes no
// write.
const relistEvery = 10 * time.Minute

// informerConstructor has the type of cache.Options.NewInformer.
type informerConstructor = func(
	toolscache.ListerWatcher, runtime.Object, time.Duration, toolscache.Indexers,
) toolscache.SharedIndexInformer

// newInformer returns a constructor of informers that list again every period, plus up to a tenth, and that an undecodable object of one
// of Usher's kinds does not stop. They have the objects of the namespaces that keep reports true for; all if it is nil.
func newInformer(period time.Duration, registry *undecodable.Registry, keep func(namespace string) bool) informerConstructor {
	return func(
		lw toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers,
	) toolscache.SharedIndexInformer {
		return toolscache.NewSharedIndexInformer(tolerant(lw, object, period, registry, keep), object, resync, indexers)
	}
}

// tolerant returns a ListerWatcher for what newInformer describes.
func tolerant(
	lw toolscache.ListerWatcher, object runtime.Object, period time.Duration, registry *undecodable.Registry, keep func(namespace string) bool,
) *toolscache.ListWatch {
	if keep == nil {
		keep = func(string) bool { return true }
	}
	with := only{toolscache.ToListerWatcherWithContext(lw), keep}
	list, start := with.ListWithContext, func(ctx context.Context, options metav1.ListOptions) (watch.Interface, follower, error) {
		inner, err := with.WatchWithContext(ctx, options)
		return inner, func(watch.Event) watch.Interface { return nil }, err //nolint:wrapcheck // client-go compares the errors of its watches
	}
	if undecodable.Covers(object) {
		source := registry.Source(with)
		list, start = source.List, source.Watch
	}
	return &toolscache.ListWatch{
		ListWithContextFunc: list,
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			inner, follow, err := start(ctx, options)
			if err != nil {
				return nil, err
			}
			return expiring(inner, follow, keep, wait.Jitter(period, 0.1)), nil
		},
	}
}

// only lists the objects of the namespaces that keep reports true for. It watches all: see expiring.
type only struct {
	toolscache.ListerWatcherWithContext
	keep func(namespace string) bool
}

// ListWithContext implements cache.ListerWithContext.
func (o only) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	list, err := o.ListerWatcherWithContext.ListWithContext(ctx, options)
	if err != nil {
		return nil, err //nolint:wrapcheck // client-go compares the errors of its lists
	}
	all, err := meta.ExtractList(list)
	if err != nil {
		return nil, fmt.Errorf("read a list: %w", err)
	}
	kept := make([]runtime.Object, 0, len(all))
	for _, item := range all {
		if keeps(o.keep, item) {
			kept = append(kept, item)
		}
	}
	if len(kept) == len(all) {
		return list, nil
	}
	if err := meta.SetList(list, kept); err != nil {
		return nil, fmt.Errorf("shorten a list: %w", err)
	}
	return list, nil
}

func keeps(keep func(namespace string) bool, item runtime.Object) bool {
	object, err := meta.Accessor(item)
	return err != nil || object.GetNamespace() == "" || keep(object.GetNamespace())
}

// follower sees each event of a watch before it is forwarded. If it returns a watch, that one continues in the place of the first, and
// the event is void.
type follower = func(watch.Event) watch.Interface

// expiring forwards the events of the namespaces that keep reports true for, until the watch's time is over. Then it ends the watch with
// the error that the API server sends when history is gone (410 Expired): the one answer that makes a client list again.
func expiring(inner watch.Interface, follow follower, keep func(namespace string) bool, after time.Duration) watch.Interface {
	events := make(chan watch.Event)
	outer := watch.NewProxyWatcher(events)
	go func() {
		defer close(events)
		defer func() { inner.Stop() }()
		over := time.NewTimer(after)
		defer over.Stop()
		for {
			var event watch.Event
			select {
			case <-outer.StopChan():
				return
			case <-over.C:
				gone := apierrors.NewResourceExpired("time to list again").Status()
				event = watch.Event{Type: watch.Error, Object: &gone}
			case next, open := <-inner.ResultChan():
				if !open {
					return
				}
				if next.Type != watch.Error && !keeps(keep, next.Object) {
					continue
				}
				if continued := follow(next); continued != nil {
					inner.Stop()
					inner = continued
					continue
				}
				event = next
			}
			select {
			case events <- event:
			case <-outer.StopChan():
				return
			}
			if event.Type == watch.Error {
				return
			}
		}
	}()
	return outer
}
