// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package undecodable

import (
	"context"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Source lists and watches one of Usher's kinds for a cache. Its requests must pass through Transport.
type Source struct {
	inner    cache.ListerWatcherWithContext
	registry *Registry
	// known are the undecodable objects that the cache has; the registry's lock guards it.
	known map[types.NamespacedName]*entry
	// suspect: the last attempt to list or watch as usual failed, so that the next one is made with Tolerant at once.
	suspect atomic.Bool
	// pages are the undecodable objects of the pages of a list so far. One goroutine at a time lists.
	pages []*Error
}

// Source returns a Source that lists and watches through inner.
func (r *Registry) Source(inner cache.ListerWatcherWithContext) *Source {
	s := &Source{inner: inner, registry: r, known: map[types.NamespacedName]*entry{}}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sources = append(r.sources, s)
	return s
}

// Covers reports whether objects of a type may turn out to be undecodable: those of Usher's kinds. Clients of Kubernetes' own kinds have
// the types of the API server.
func Covers(object runtime.Object) bool {
	kinds, _, err := scheme.ObjectKinds(object)
	return err == nil && len(kinds) == 1 && isOwn(kinds[0])
}

// isOwn reports whether a kind of the scheme is one of Usher's, and no list or option.
func isOwn(kind schema.GroupVersionKind) bool {
	if kind.GroupVersion() != usherv1.GroupVersion {
		return false
	}
	object, err := scheme.New(kind)
	_, isObject := object.(metav1.Object)
	return err == nil && isObject
}

// List lists the objects, or a page of them.
func (s *Source) List(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	list, err := s.inner.ListWithContext(ctx, options)
	isTolerant := undecoded(ctx, err)
	if isTolerant {
		list, err = s.inner.ListWithContext(Tolerant(ctx), options)
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // client-go compares the errors of its lists
	}
	if options.Continue == "" {
		s.pages = nil
	}
	if isTolerant {
		if err := meta.EachListItem(list, func(item runtime.Object) error {
			if problem := Of(item.(metav1.Object)); problem != nil {
				s.pages = append(s.pages, problem)
			}
			return nil
		}); err != nil {
			return nil, err //nolint:wrapcheck // as above
		}
	}
	if page, err := meta.ListAccessor(list); err == nil && page.GetContinue() == "" {
		s.replace(s.pages)
		s.pages = nil
	}
	return list, nil
}

// Watch starts a watch. follow must see each of its events before anyone else does. If it returns a watch, that one continues in the
// place of the first, and the event is void.
func (s *Source) Watch(
	ctx context.Context, options metav1.ListOptions,
) (_ watch.Interface, follow func(watch.Event) watch.Interface, _ error) {
	f := &follower{
		Source: s, ctx: ctx, options: options, version: options.ResourceVersion,
		initial:  options.SendInitialEvents != nil && *options.SendInitialEvents,
		tolerant: s.suspect.Swap(false) || s.hasAny(),
	}
	if f.tolerant {
		ctx = Tolerant(ctx)
	}
	w, err := s.inner.WatchWithContext(ctx, options)
	return w, f.follow, err //nolint:wrapcheck // client-go compares the errors of its watches
}

// follower follows one watch.
type follower struct {
	*Source
	ctx     context.Context //nolint:containedctx // of the watch that is followed, for the one that continues it
	options metav1.ListOptions
	// version is the resourceVersion that the watch has reached.
	version string
	// initial: the watch begins with all objects, and has not said yet that these were all.
	initial, tolerant bool
	found             []*Error
}

func (f *follower) follow(e watch.Event) watch.Interface {
	if e.Type == watch.Error {
		return f.resume(e)
	}
	object, err := meta.Accessor(e.Object)
	if err != nil {
		return nil
	}
	if e.Type == watch.Bookmark {
		if object.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true" {
			f.initial = false
			f.replace(f.found)
			f.found = nil
		}
		f.version = object.GetResourceVersion()
		return nil
	}
	var problem *Error
	if f.tolerant {
		problem = Of(object)
	}
	switch {
	case !f.initial:
		f.version = object.GetResourceVersion()
		if e.Type == watch.Deleted {
			problem = nil
		}
		if problem != nil || f.tolerant {
			f.observe(types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}, problem)
		}
	case problem != nil:
		f.found = append(f.found, problem)
	}
	return nil
}

// resume returns a tolerant watch that continues where one ended whose event could not be decoded. Among the initial events it cannot:
// these have no order. Then the cache lists, or watches again from the beginning.
func (f *follower) resume(e watch.Event) watch.Interface {
	if !decodingFailed(e.Object) || f.tolerant {
		return nil
	}
	if f.initial || f.version == "" || f.version == "0" {
		f.suspect.Store(true)
		return nil
	}
	options := f.options
	options.ResourceVersion, options.ResourceVersionMatch, options.SendInitialEvents = f.version, "", nil
	w, err := f.inner.WatchWithContext(Tolerant(f.ctx), options)
	if err != nil {
		return nil
	}
	f.tolerant = true
	return w
}

// decodingFailed reports whether a client could not decode an event of a watch.
func decodingFailed(object runtime.Object) bool {
	status, ok := object.(*metav1.Status)
	if !ok || status.Details == nil {
		return false
	}
	for _, cause := range status.Details.Causes {
		if cause.Type == "ClientWatchDecoding" {
			return true
		}
	}
	return false
}
