// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

// losses are events that never arrive, while their stream goes on as if nothing had happened.
type losses struct {
	seen int
	lose map[int]bool
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

// Seen is how many events of the resource there were so far, lost ones too; what Lose does not count is not counted.
func (w *Watches) Seen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.losses.seen
}

// loses counts an event and tells whether it is one that is lost.
func (w *Watches) loses() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.losses.seen++
	return w.losses.lose[w.losses.seen]
}
