// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reconciler

import (
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Shares is how many namespaces can keep all of their workers busy at the same time: a controller has that many times the workers that
// one namespace gets.
const Shares = 4

// fairQueue is a controller's work queue in which namespaces take turns; see turns for the order. Keys, delays, retries and metrics are
// client-go's.
//
// controller-runtime's own priority queue serves keys of one priority in the order in which they came, so 10,000 keys of one namespace
// delay all keys that come after them. What is kept of it is that some keys come before or after the others: of their own namespace.
type fairQueue struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	turns *turns
}

var _ priorityqueue.PriorityQueue[reconcile.Request] = &fairQueue{}

// NewQueue returns the constructor of the work queue of a controller that reconciles that many keys of one namespace at once. accountOf
// returns the account of a key, empty if it is not known; nil if no keys but one belong to an account.
func NewQueue(
	atOnce int, accountOf func(reconcile.Request) string,
) func(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	if accountOf == nil {
		accountOf = func(key reconcile.Request) string { return key.Name }
	}
	return func(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
		turns := newTurns(atOnce, accountOf)
		delayed := workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[reconcile.Request]{
			Name:  name,
			Queue: workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[reconcile.Request]{Name: name, Queue: turns}),
		})
		return &fairQueue{
			TypedRateLimitingInterface: workqueue.NewTypedRateLimitingQueueWithConfig(limiter,
				workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{DelayingQueue: delayed}),
			turns: turns,
		}
	}
}

// AddWithOpts implements priorityqueue.PriorityQueue. A priority is an Urgency; controller-runtime gives
// background work a lower one.
func (q *fairQueue) AddWithOpts(o priorityqueue.AddOpts, keys ...reconcile.Request) {
	for _, key := range keys {
		q.turns.expect(key, min(max(Urgency(ptr.Deref(o.Priority, 0)), Background), Withdrawing))
		switch {
		case o.RateLimited:
			q.TypedRateLimitingInterface.AddRateLimited(key)
		case o.After > 0:
			q.TypedRateLimitingInterface.AddAfter(key, o.After)
		default:
			q.TypedRateLimitingInterface.Add(key)
		}
	}
}

// GetWithPriority implements priorityqueue.PriorityQueue. What a reconcile asks for in the end is not background work any more.
func (q *fairQueue) GetWithPriority() (key reconcile.Request, priority int, shutdown bool) {
	key, shutdown = q.Get()
	return key, 0, shutdown
}

// Done gives back the worker that the key had. The worker that calls it calls Get next: it takes the key of the namespace that may now
// have its turn, so no other worker has to be woken.
func (q *fairQueue) Done(key reconcile.Request) {
	q.turns.done(key)
	q.TypedRateLimitingInterface.Done(key)
}

// Len returns how many keys wait, those of namespaces that have all of their workers included.
func (q *fairQueue) Len() int { return q.turns.waiting() }
