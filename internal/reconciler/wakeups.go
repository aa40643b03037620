// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reconciler

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Wakeups are keys that one part of the process asks a controller to reconcile. None is lost, however many there are: they go straight
// into the controller's queue, which holds each key once.
type Wakeups struct {
	mu sync.Mutex
	// queue is the controller's; nil until the controller starts. Until then the keys wait in pending, each once.
	queue   workqueue.TypedRateLimitingInterface[reconcile.Request]
	pending []types.NamespacedName
	waiting map[types.NamespacedName]bool
}

var _ source.Source = &Wakeups{}

// NewWakeups returns Wakeups without keys.
func NewWakeups() *Wakeups { return &Wakeups{waiting: map[types.NamespacedName]bool{}} }

// Add asks for a key to be reconciled.
func (w *Wakeups) Add(key types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.queue != nil:
		w.queue.Add(reconcile.Request{NamespacedName: key})
	case !w.waiting[key]:
		w.waiting[key] = true
		w.pending = append(w.pending, key)
	}
}

// Start implements source.Source.
func (w *Wakeups) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = queue
	for _, key := range w.pending {
		queue.Add(reconcile.Request{NamespacedName: key})
	}
	w.pending = nil
	clear(w.waiting)
	return nil
}

// Drain returns the keys that wait for the controller to start, in the order in which they came, and forgets them.
func (w *Wakeups) Drain() []types.NamespacedName {
	w.mu.Lock()
	defer w.mu.Unlock()
	keys := w.pending
	w.pending = nil
	clear(w.waiting)
	return keys
}
