// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reconciler

import (
	"sync"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// turns is the order of the keys in a fairQueue: namespaces take turns, each with one key. Within a namespace, keys come in the order
// in which they were added, background work last. A namespace whose keys are reconciled by as many workers as it gets has no turn.
//
// So however many keys a namespace has, and however long they take, they delay a key of another namespace by one turn.
type turns struct {
	// atOnce is how many keys of a namespace are reconciled at once.
	atOnce int

	mu    sync.Mutex
	lines map[string]*line
	// next are the namespaces that can have a turn, in their order.
	next []*line
	// background says of each key that was added and not taken since whether it is background work.
	background map[reconcile.Request]bool
}

// line is a namespace's keys.
type line struct {
	// waiting are the keys that wait, true for those that wait in back as background work. A key that was moved to front is still in
	// back, and is taken once.
	waiting     map[reconcile.Request]bool
	front, back []reconcile.Request
	// running is how many are being reconciled, inTurn whether the line is in turns.next.
	running int
	inTurn  bool
}

var _ workqueue.Queue[reconcile.Request] = &turns{}

func newTurns(atOnce int) *turns {
	return &turns{atOnce: max(1, atOnce), lines: map[string]*line{}, background: map[reconcile.Request]bool{}}
}

// expect says whether a key that is about to be added is background work. A key that was added as other work stays that.
func (t *turns) expect(key reconcile.Request, background bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if was, known := t.background[key]; !known || was {
		t.background[key] = background
	}
}

// Push implements workqueue.Queue.
func (t *turns) Push(key reconcile.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lines[key.Namespace]
	if l == nil {
		l = &line{waiting: map[reconcile.Request]bool{}}
		t.lines[key.Namespace] = l
	}
	if l.waiting[key] = t.background[key]; l.waiting[key] {
		l.back = append(l.back, key)
	} else {
		l.front = append(l.front, key)
	}
	t.queue(l)
}

// Touch implements workqueue.Queue: a key that waits as background work is added as other work.
func (t *turns) Touch(key reconcile.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.lines[key.Namespace]; l != nil && l.waiting[key] && !t.background[key] {
		l.waiting[key] = false
		l.front = append(l.front, key)
	}
}

// queue gives a namespace a turn if it can have one and has none yet.
func (t *turns) queue(l *line) {
	if !l.inTurn && len(l.waiting) > 0 && l.running < t.atOnce {
		l.inTurn = true
		t.next = append(t.next, l)
	}
}

// Len implements workqueue.Queue: it returns how many namespaces can have a turn, since 0 makes the workers wait.
func (t *turns) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.next)
}

// Pop implements workqueue.Queue.
func (t *turns) Pop() reconcile.Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.next[0]
	t.next = t.next[1:]
	l.inTurn = false
	l.running++
	key := l.take()
	delete(t.background, key)
	t.queue(l)
	return key
}

// take removes the first key that waits.
func (l *line) take() reconcile.Request {
	for {
		from := &l.front
		if len(*from) == 0 {
			from = &l.back
		}
		key := (*from)[0]
		*from = (*from)[1:]
		if _, waits := l.waiting[key]; waits {
			delete(l.waiting, key)
			return key
		}
	}
}

// done says that a key is not being reconciled any more.
func (t *turns) done(key reconcile.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lines[key.Namespace]
	l.running--
	t.queue(l)
	if l.running == 0 && len(l.waiting) == 0 {
		delete(t.lines, key.Namespace)
	}
}

// waiting returns how many keys wait.
func (t *turns) waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, l := range t.lines {
		n += len(l.waiting)
	}
	return n
}
