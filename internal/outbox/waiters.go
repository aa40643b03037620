// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/usher-dev/usher/internal/reconciler"
)

const (
	// turnLasts is for how long a free slot is kept for the waiter that was woken for it.
	turnLasts = 2 * time.Second
	// waitLasts is after how long a waiter that has not asked again is forgotten: its mail is not due any more. Those whose mail is due
	// ask again every busyPause.
	waitLasts = 3 * busyPause
)

// waiter is an object that has a mail to send, or an endpoint to probe, and the controller to wake for it.
type waiter struct {
	wakeups *reconciler.Wakeups
	key     types.NamespacedName
}

// lane is what a slot is for: the conversations of one account with one endpoint.
type lane struct {
	// namespace of the account, or of the Secret for a probe; and the account's name, empty for a probe.
	namespace, account string
	// endpoint is its address: several Secrets may lead to one slow server.
	endpoint string
	// byDefault: the endpoint is that of the default Secret.
	byDefault bool
	// secret is the Secret of the endpoint, and connections how many conversations it allows at once, through all lanes; 0 for any number.
	secret      types.NamespacedName
	connections int
}

// acquire takes a slot for w; release gives it back. If none is free, w is woken when it is its turn.
func (s *slots) acquire(in lane, w waiter, now time.Time) (release func(now time.Time), free bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetOther(in, w)
	s.settle(now, w)
	if _, kept := s.promised[w]; kept {
		delete(s.promised, w)
		return s.releaseOf(in), true
	}
	if s.comesBefore(in, w) {
		s.settle(now, w) // for the other one
		return s.releaseOf(in), true
	}
	if !s.admits(in) {
		s.wait(in, w, now)
		return nil, false
	}
	s.give(in, 1) // and no one waits in this lane: settle has served them
	return s.releaseOf(in), true
}

func (s *slots) releaseOf(in lane) func(now time.Time) {
	return func(now time.Time) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.give(in, -1)
		s.settle(now, waiter{})
	}
}

// comesBefore has w take the slot that is kept for another waiter of its lane and controller, which is the next one then, and reports
// whether there is such a slot. The keys of a namespace are reconciled in order: if w is reconciled first, thousands of keys may be ahead
// of the other one, and the slot would be kept for nothing.
func (s *slots) comesBefore(in lane, w waiter) bool {
	for other, kept := range s.promised {
		if kept.waited.in != in || other.wakeups != w.wakeups {
			continue
		}
		if _, waits := s.waiting[w]; waits {
			s.leave(w)
		}
		delete(s.promised, other)
		s.waiting[other] = kept.waited
		e := s.endpoint(in.endpoint)
		e.lanes[in] = append([]waiter{other}, e.lanes[in]...)
		s.namespace(in.namespace).waiting++
		return true
	}
	return false
}

// forgetOther takes w out of another lane than in: its account has another endpoint now.
func (s *slots) forgetOther(in lane, w waiter) {
	if is, waits := s.waiting[w]; waits && is.in != in {
		s.leave(w)
	}
	if kept, promised := s.promised[w]; promised && kept.waited.in != in {
		delete(s.promised, w)
		s.give(kept.waited.in, -1)
	}
}

// wait puts w at the end of the queue of its lane, unless it waits there already.
func (s *slots) wait(in lane, w waiter, now time.Time) {
	is, waits := s.waiting[w]
	if !waits {
		s.arrivals++
		is = waiting{in: in, arrival: s.arrivals}
		e := s.endpoint(in.endpoint)
		e.lanes[in] = append(e.lanes[in], w)
		s.namespace(in.namespace).waiting++
	}
	is.asked = now
	s.waiting[w] = is
}

// leave takes a waiter out of its queue.
func (s *slots) leave(w waiter) {
	in := s.waiting[w].in
	delete(s.waiting, w)
	e := s.endpoint(in.endpoint)
	if e.lanes[in][0] == w { // the usual case, in which nothing is moved
		e.lanes[in] = e.lanes[in][1:]
	} else {
		i := slices.Index(e.lanes[in], w)
		e.lanes[in] = slices.Delete(e.lanes[in], i, i+1)
	}
	s.namespace(in.namespace).waiting--
	s.tidy(in)
}

// settle takes back the slots that were kept for too long, and keeps those that are free for the waiters whose turn it is. It wakes
// them, except for present, which is being reconciled.
func (s *slots) settle(now time.Time, present waiter) {
	for w, kept := range s.promised {
		if now.After(kept.until) || kept.until.Sub(now) > 2*turnLasts { // the clock was set back; callers may differ by a little
			delete(s.promised, w)
			s.give(kept.waited.in, -1)
		}
	}
	for {
		w, in, found := s.first(now)
		if !found {
			return
		}
		s.give(in, 1)
		s.promised[w] = promise{waited: s.waiting[w], until: now.Add(turnLasts)}
		s.leave(w)
		s.turn++
		s.namespace(in.namespace).turn = s.turn
		if e := s.endpoints[in.endpoint]; e != nil && len(e.lanes[in]) > 0 {
			e.turns[in] = s.turn
		}
		if w != present {
			w.wakeups.AddNext(w.key)
		}
	}
}

// first returns the waiter whose turn it is: that of the namespace that has the fewest slots, or else was served longest ago; in it, that
// of the account that was served longest ago; or else the one that came first. found is false if no waiter may have a slot.
func (s *slots) first(now time.Time) (w waiter, in lane, found bool) {
	var best rank
	for _, e := range s.endpoints {
		if s.taken >= s.total || e.taken >= s.perEndpoint {
			continue
		}
		for l := range e.lanes {
			if !s.admits(l) {
				continue
			}
			head, waits := s.head(e, l, now)
			if !waits {
				continue
			}
			if r := s.rank(e, l, head); !found || r.before(best) {
				w, in, best, found = head, l, r, true
			}
		}
	}
	return w, in, found
}

// head returns the first waiter of a lane, and forgets those that have not asked again.
func (s *slots) head(e *endpointShare, l lane, now time.Time) (w waiter, found bool) {
	for len(e.lanes[l]) > 0 {
		w = e.lanes[l][0]
		if now.Sub(s.waiting[w].asked) <= waitLasts {
			return w, true
		}
		s.leave(w)
	}
	return waiter{}, false
}

// rank orders waiters; the least comes first.
type rank struct {
	slots                  int
	turn, account, arrival uint64
}

func (s *slots) rank(e *endpointShare, l lane, w waiter) rank {
	n := s.namespace(l.namespace)
	return rank{slots: n.taken, turn: n.turn, account: e.turns[l], arrival: s.waiting[w].arrival}
}

func (r rank) before(other rank) bool {
	return cmp.Or(cmp.Compare(r.slots, other.slots), cmp.Compare(r.turn, other.turn), cmp.Compare(r.account, other.account),
		cmp.Compare(r.arrival, other.arrival)) < 0
}
