// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reconciler

import (
	"sync"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Urgency says which keys of a namespace come before its others: those of a higher one. It is the priority of priorityqueue.AddOpts.
type Urgency int

const (
	// Background: nothing has changed, as after the first list.
	Background Urgency = iota - 1
	// Usual is everything else.
	Usual
	// Giving: someone gets access.
	Giving
	// Withdrawing: someone loses access.
	Withdrawing
)

// turns is the order of the keys in a fairQueue: namespaces take turns, each with one key. Within a namespace, the most urgent key comes
// first; of those, accounts take turns, each with the key that was added first. A namespace whose keys are reconciled by as many workers as
// it gets has no turn.
//
// So however many keys a namespace has, and however long they take, they delay a key of another namespace by one turn.
type turns struct {
	// atOnce is how many keys of a namespace are reconciled at once.
	atOnce int
	// accountOf returns the account that a key belongs to; empty if it is not known.
	accountOf func(reconcile.Request) string

	mu    sync.Mutex
	lines map[string]*line
	// next are the namespaces that can have a turn, in their order.
	next []*line
	// urgency of each key that was added and not taken since.
	urgency map[reconcile.Request]Urgency
}

// line is a namespace's keys.
type line struct {
	// waiting are the keys that wait, with the lane that they wait in. A key that was moved to another is still in the first, and is taken
	// once.
	waiting map[reconcile.Request]Urgency
	lanes   [Withdrawing - Background + 1]lane // the most urgent first
	// running is how many are being reconciled, inTurn whether the line is in turns.next.
	running int
	inTurn  bool
}

var _ workqueue.Queue[reconcile.Request] = &turns{}

// lane is the keys of one urgency.
type lane struct {
	// keys of each account, in the order in which they came.
	keys map[string][]reconcile.Request
	// next are the accounts that have keys, in the order of their turns.
	next []string
}

func (l *lane) add(account string, key reconcile.Request) {
	if l.keys == nil {
		l.keys = map[string][]reconcile.Request{}
	}
	if len(l.keys[account]) == 0 {
		l.next = append(l.next, account)
	}
	l.keys[account] = append(l.keys[account], key)
}

// take removes the key whose turn it is.
func (l *lane) take() reconcile.Request {
	account := l.next[0]
	key, rest := l.keys[account][0], l.keys[account][1:]
	l.next = l.next[1:]
	if len(rest) == 0 {
		delete(l.keys, account)
		return key
	}
	l.keys[account] = rest
	l.next = append(l.next, account)
	return key
}

func newTurns(atOnce int, accountOf func(reconcile.Request) string) *turns {
	return &turns{atOnce: max(1, atOnce), accountOf: accountOf, lines: map[string]*line{}, urgency: map[reconcile.Request]Urgency{}}
}

// expect says how urgent a key is that is about to be added. A key that was added as more urgent stays that.
func (t *turns) expect(key reconcile.Request, urgency Urgency) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if was, known := t.urgency[key]; !known || urgency > was {
		t.urgency[key] = urgency
	}
}

// Push implements workqueue.Queue.
func (t *turns) Push(key reconcile.Request) {
	account := t.accountOf(key)
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lines[key.Namespace]
	if l == nil {
		l = &line{waiting: map[reconcile.Request]Urgency{}}
		t.lines[key.Namespace] = l
	}
	l.add(key, account, t.urgency[key])
	t.queue(l)
}

// Touch implements workqueue.Queue: a key that waits is added again, perhaps as more urgent.
func (t *turns) Touch(key reconcile.Request) {
	account := t.accountOf(key)
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lines[key.Namespace]
	if l == nil {
		return
	}
	if in, waits := l.waiting[key]; waits && t.urgency[key] > in {
		l.add(key, account, t.urgency[key])
	}
}

func (l *line) add(key reconcile.Request, account string, urgency Urgency) {
	l.waiting[key] = urgency
	l.lanes[Withdrawing-urgency].add(account, key)
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
	t.next[0] = nil // the array still has it
	t.next = t.next[1:]
	l.inTurn = false
	l.running++
	key := l.take()
	if delete(t.urgency, key); len(t.urgency) == 0 {
		t.urgency = map[reconcile.Request]Urgency{} // a map keeps the room for the most that it has had
	}
	t.queue(l)
	return key
}

// take removes the first key that waits.
func (l *line) take() reconcile.Request {
	urgency := Withdrawing
	for {
		lane := &l.lanes[Withdrawing-urgency]
		if len(lane.next) == 0 {
			urgency--
			continue
		}
		key := lane.take()
		if in, waits := l.waiting[key]; waits && in == urgency {
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
