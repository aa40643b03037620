// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package reconciler is what all controllers share: clients, the clock, what happens after an error, and how watches wake them.
//
// Each controller loads an observation, asks a pure package for a decision, performs it, writes the status once, and only then
// emits Events. A decision is made from the cache. Where it takes something away, sends something, or ends something because of
// another object, the decision says so (NeedsLiveReads) and is made again from live reads before anything is done: an old cache
// may cost a read, never a member's access.
package reconciler

import (
	"context"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/usher-dev/usher/internal/store"
)

// conflictPause is how long Finish waits after a conflict, so that the watch can bring what the other client wrote.
const conflictPause = 100 * time.Millisecond

// Base is what every controller needs. A controller takes its own with ForController: Reader and Finish panic without it.
type Base struct {
	// Client reads from the cache and writes to the API server.
	Client client.Client
	// Live reads from the API server.
	Live client.Reader
	// Accounts reads Accounts from the API server, as they were a moment ago.
	Accounts *store.RecentAccounts
	// Recorder emits Events.
	Recorder events.EventRecorder
	// Now is the clock.
	Now func() time.Time

	// staleKeys are the requests whose object was newer than the cache.
	staleKeys *sync.Map
}

// ForController returns a Base that remembers stale keys for one controller.
func (b Base) ForController() Base {
	b.staleKeys = &sync.Map{}
	return b
}

// Reader returns the cache, or the API server for a key that Finish found stale: if the event that would update the cache is lost,
// the cache stays old until it lists again.
func (b Base) Reader(request ctrl.Request) client.Reader {
	if _, stale := b.staleKeys.Load(request); stale {
		return b.Live
	}
	return b.Client
}

// Finish turns the error of a reconcile into what happens next. A conflict only says that the cache was old, or that another
// operator was first: the key is reconciled again shortly from a live read, and no error is logged.
func (b Base) Finish(ctx context.Context, request ctrl.Request, result ctrl.Result, err error) (ctrl.Result, error) {
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		log.FromContext(ctx).V(1).Info("written by another client in between; retrying with a live read", "reason", apierrors.ReasonForError(err))
		b.readLiveNext(request)
		return ctrl.Result{RequeueAfter: conflictPause}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	b.staleKeys.Delete(request)
	return result, nil
}

func (b Base) readLiveNext(request ctrl.Request) { b.staleKeys.Store(request, true) }

// WakeAt asks to reconcile again at a time; never if it is zero.
func (b Base) WakeAt(at time.Time) ctrl.Result {
	if at.IsZero() {
		return ctrl.Result{}
	}
	return ctrl.Result{RequeueAfter: max(at.Sub(b.Now()), time.Millisecond)}
}

// LiveReads is what DecideLive asks a decision.
type LiveReads interface {
	// NeedsLiveReads reports whether the decision must be made again from live reads before it is acted on.
	NeedsLiveReads() bool
}

// DecideLive decides on what the cache has and, if the decision needs live reads, again on what live returns. It returns the
// observation that the decision is based on.
func DecideLive[O any, D LiveReads](cached O, decide func(O) D, live func() (O, error)) (O, D, error) {
	decision := decide(cached)
	if !decision.NeedsLiveReads() {
		return cached, decision, nil
	}
	observed, err := live()
	if err != nil {
		return observed, decision, err
	}
	return observed, decide(observed), nil
}
