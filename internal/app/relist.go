// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// relistEvery is how often a cache is compared with the API server even if its watch reports no problem. If a proxy or
// an API server lost an event, the cache lacks it for no longer than this. A comparison without a difference causes no
// write.
const relistEvery = 10 * time.Minute

// informerConstructor has the type of cache.Options.NewInformer.
type informerConstructor = func(
	toolscache.ListerWatcher, runtime.Object, time.Duration, toolscache.Indexers,
) toolscache.SharedIndexInformer

// newInformer returns a constructor of informers that list again every period, plus up to a tenth.
func newInformer(period time.Duration) informerConstructor {
	return func(
		lw toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers,
	) toolscache.SharedIndexInformer {
		with := toolscache.ToListerWatcherWithContext(lw)
		return toolscache.NewSharedIndexInformer(&toolscache.ListWatch{
			ListWithContextFunc: with.ListWithContext,
			WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
				inner, err := with.WatchWithContext(ctx, options)
				if err != nil {
					return nil, err //nolint:wrapcheck // client-go compares the errors of its watches
				}
				return expiring(inner, wait.Jitter(period, 0.1)), nil
			},
		}, object, resync, indexers)
	}
}

// expiring forwards a watch until its time is over, and then ends it with the error that the API server sends when
// history is gone (410 Expired): the one answer that makes a client list again.
func expiring(inner watch.Interface, after time.Duration) watch.Interface {
	events := make(chan watch.Event)
	outer := watch.NewProxyWatcher(events)
	go func() {
		defer close(events)
		defer inner.Stop()
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
