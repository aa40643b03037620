// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// slots bounds the conversations that run at the same time, so that no server and no namespace has all of them, however slow its
// servers are. Of total slots:
//
//   - an endpoint has at most half.
//   - a Secret has at most as many as it allows connections.
//   - a quarter is reserved for the endpoint of the default Secret, which the other endpoints share the rest of.
//   - a namespace takes at most half of what is left: of the slots of an endpoint, of the connections of the default Secret, and of the
//     slots of all endpoints but the default one. So slots are left for the next namespace until several of them have slow servers.
//     Switches share their buffers among queues in this way ("dynamic thresholds").
//
// Who finds no free slot waits: see waiters.go.
type slots struct {
	total, perEndpoint, own int

	mu sync.Mutex
	// taken counts all slots that are taken or kept for a waiter, ownTaken those of endpoints that are not the default one.
	taken, ownTaken int
	endpoints       map[string]*endpointShare
	// connected counts those of each Secret.
	connected  map[types.NamespacedName]int
	namespaces map[string]*namespaceShare
	waiting    map[waiter]waiting
	promised   map[waiter]promise
	// arrivals and turn count the waiters that came and those that were woken.
	arrivals, turn uint64
}

// endpointShare is what an endpoint has.
type endpointShare struct {
	taken int
	// by is what each namespace has taken, lanes who waits in each lane, in order, and turns when one of those was last woken.
	by    map[holder]int
	lanes map[lane][]waiter
	turns map[lane]uint64
}

// holder is a namespace that has slots of an endpoint, by the default Secret or by Secrets of its own.
type holder struct {
	namespace string
	byDefault bool
}

func (l lane) holder() holder { return holder{l.namespace, l.byDefault} }

// namespaceShare is what a namespace has: of all slots, and of those of endpoints that are not the default one.
type namespaceShare struct {
	taken, own int
	// waiting counts its waiters. turn is when one of them was last woken.
	waiting int
	turn    uint64
}

// waiting is where a waiter waits, when it last asked, and when it came.
type waiting struct {
	in      lane
	asked   time.Time
	arrival uint64
}

// promise is a slot that is kept for a waiter.
type promise struct {
	waited waiting
	until  time.Time
}

func newSlots(total int) *slots {
	total = max(1, total)
	reserved := (total + 3) / 4
	return &slots{
		total: total, perEndpoint: max(1, total/2), own: max(1, total-reserved),
		endpoints: map[string]*endpointShare{}, connected: map[types.NamespacedName]int{}, namespaces: map[string]*namespaceShare{},
		waiting: map[waiter]waiting{}, promised: map[waiter]promise{},
	}
}

// admits reports whether a lane may have one slot more.
func (s *slots) admits(l lane) bool {
	if s.taken >= s.total {
		return false
	}
	if e := s.endpoints[l.endpoint]; e != nil && !fair(e.by[l.holder()], s.perEndpoint-e.taken) {
		return false
	}
	if free := l.connections - s.connected[l.secret]; l.connections > 0 && (free <= 0 || l.byDefault && !fair(s.has(l), free)) {
		return false
	}
	if l.byDefault {
		return true
	}
	own := 0
	if n := s.namespaces[l.namespace]; n != nil {
		own = n.own
	}
	return fair(own, s.own-s.ownTaken)
}

// has returns how many slots of the lane's endpoint its namespace has.
func (s *slots) has(l lane) int {
	if e := s.endpoints[l.endpoint]; e != nil {
		return e.by[l.holder()]
	}
	return 0
}

// fair reports whether who has that many slots may have one more of those that are free.
func fair(has, free int) bool { return has < free }

// give counts a slot that a lane has taken, or given back if n is -1.
func (s *slots) give(l lane, n int) {
	e, of := s.endpoint(l.endpoint), s.namespace(l.namespace)
	s.taken += n
	if s.connected[l.secret] += n; s.connected[l.secret] == 0 {
		delete(s.connected, l.secret)
	}
	e.taken += n
	e.by[l.holder()] += n
	of.taken += n
	if !l.byDefault {
		s.ownTaken += n
		of.own += n
	}
	s.tidy(l)
}

func (s *slots) endpoint(name string) *endpointShare {
	e := s.endpoints[name]
	if e == nil {
		e = &endpointShare{by: map[holder]int{}, lanes: map[lane][]waiter{}, turns: map[lane]uint64{}}
		s.endpoints[name] = e
	}
	return e
}

func (s *slots) namespace(name string) *namespaceShare {
	n := s.namespaces[name]
	if n == nil {
		n = &namespaceShare{}
		s.namespaces[name] = n
	}
	return n
}

// tidy forgets what is not used any more.
func (s *slots) tidy(l lane) {
	e := s.endpoint(l.endpoint)
	if e.by[l.holder()] == 0 {
		delete(e.by, l.holder())
	}
	if len(e.lanes[l]) == 0 {
		delete(e.lanes, l)
		delete(e.turns, l)
	}
	if len(e.by) == 0 && len(e.lanes) == 0 {
		delete(s.endpoints, l.endpoint)
	}
	if n := s.namespace(l.namespace); n.taken == 0 && n.waiting == 0 {
		delete(s.namespaces, l.namespace)
	}
}
