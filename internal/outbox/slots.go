// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/usher-dev/usher/internal/reconciler"
)

// slots bounds the concurrent conversations with each endpoint, so that a slow one leaves workers for the others. Waiters are woken in
// the order in which they asked.
type slots struct {
	perEndpoint int

	mu        sync.Mutex
	endpoints map[string]*slotQueue
}

// slotQueue counts the taken slots of an endpoint, and has the waiters for one.
type slotQueue struct {
	taken   int
	order   []waiter
	waiting map[waiter]bool
}

// waiter is an object that has a mail to send, and the controller to wake for it.
type waiter struct {
	wakeups *reconciler.Wakeups
	key     types.NamespacedName
}

func newSlots(perEndpoint int) *slots {
	return &slots{perEndpoint: max(1, perEndpoint), endpoints: map[string]*slotQueue{}}
}

// acquire takes a slot of an endpoint; release gives it back. If none is free, w is woken when one is.
func (s *slots) acquire(endpoint string, w waiter) (release func(), free bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.endpoints[endpoint]
	if q == nil {
		q = &slotQueue{waiting: map[waiter]bool{}}
		s.endpoints[endpoint] = q
	}
	if q.taken < s.perEndpoint {
		q.taken++
		delete(q.waiting, w)
		return func() { s.release(endpoint, q) }, true
	}
	if !q.waiting[w] {
		q.waiting[w] = true
		q.order = append(q.order, w)
	}
	return nil, false
}

func (s *slots) release(endpoint string, q *slotQueue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q.taken--
	for len(q.order) > 0 {
		next := q.order[0]
		q.order = q.order[1:]
		if q.waiting[next] {
			delete(q.waiting, next)
			next.wakeups.Add(next.key)
			return
		}
	}
	if q.taken == 0 {
		delete(s.endpoints, endpoint)
	}
}
