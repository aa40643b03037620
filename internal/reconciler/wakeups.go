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
	waiting map[types.NamespacedName]Urgency
}

var _ source.Source = &Wakeups{}

// NewWakeups returns Wakeups without keys.
func NewWakeups() *Wakeups { return &Wakeups{waiting: map[types.NamespacedName]Urgency{}} }

// Add asks for a key to be reconciled.
func (w *Wakeups) Add(key types.NamespacedName) { w.add(key, Usual) }

// AddNext asks for a key to be reconciled before the usual ones of its namespace: something is kept for it, but not for long.
func (w *Wakeups) AddNext(key types.NamespacedName) { w.add(key, Giving) }

func (w *Wakeups) add(key types.NamespacedName, urgency Urgency) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.queue != nil {
		Watch{Urgency: urgency}.add(w.queue, reconcile.Request{NamespacedName: key})
		return
	}
	if _, waits := w.waiting[key]; !waits {
		w.pending = append(w.pending, key)
	}
	w.waiting[key] = max(w.waiting[key], urgency)
}

// Start implements source.Source.
func (w *Wakeups) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = queue
	for _, key := range w.pending {
		Watch{Urgency: w.waiting[key]}.add(queue, reconcile.Request{NamespacedName: key})
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
