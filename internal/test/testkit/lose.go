// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import "slices"

// losses are events that never arrive, while their stream goes on as if nothing had happened.
type losses struct {
	seen int
	lose map[int]bool
	says []loss
}

// loss is an event that is lost for what it says.
type loss struct {
	match func(Event) bool
	lost  chan struct{}
}

// Event is what a watch tells of an object.
type Event struct {
	// Type is ADDED, MODIFIED or DELETED.
	Type string
	// Name of the object.
	Name string
}

// Lose swallows the nth event of the resource, from 1, counted over all its streams since the Wire was made. Those that tell a
// client at the beginning of a stream what there is already are not counted: no list is told with a hole in it.
func (w *Watches) Lose(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.losses.lose == nil {
		w.losses.lose = map[int]bool{}
	}
	w.losses.lose[n] = true
}

// LoseFirst swallows the first event from now on that match wants, of those that Lose counts. The channel is closed when it is lost.
func (w *Watches) LoseFirst(match func(Event) bool) (lost <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := loss{match, make(chan struct{})}
	w.losses.says = append(w.losses.says, l)
	return l.lost
}

// Seen is how many events of the resource there were so far, lost ones too; what Lose does not count is not counted.
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
