// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import "slices"

// losses are events that never arrive, while their stream continues normally.
type losses struct {
	seen int
	lose map[int]bool
	says []loss
}

// loss is a rule for an event that is lost because of its content.
type loss struct {
	match func(Event) bool
	lost  chan struct{}
}

// Event is a watch event.
type Event struct {
	// Type is ADDED, MODIFIED or DELETED.
	Type string
	// Name of the object.
	Name string
}

// Lose drops the nth event of the resource, from 1, counted over all its streams since the Wire was created. Events of the initial list
// of a stream do not count and are never lost, so that lists are complete.
func (w *Watches) Lose(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.losses.lose == nil {
		w.losses.lose = map[int]bool{}
	}
	w.losses.lose[n] = true
}

// LoseFirst drops the first matching event from now on, of those that Lose counts. The channel is closed when the event is lost.
func (w *Watches) LoseFirst(match func(Event) bool) (lost <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := loss{match, make(chan struct{})}
	w.losses.says = append(w.losses.says, l)
	return l.lost
}

// Seen returns how many events of the resource, of those that Lose counts, there were so far, including lost ones.
func (w *Watches) Seen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.losses.seen
}

// loses counts an event and reports whether it is lost.
func (w *Watches) loses(e Event) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.losses.seen++
	for i, l := range w.losses.says {
		if l.match(e) {
			w.losses.says = slices.Delete(w.losses.says, i, i+1)
			close(l.lost)
			return true
		}
	}
	return w.losses.lose[w.losses.seen]
}
