// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"fmt"
	"iter"
	"runtime/debug"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
)

// coroutine runs one piece of work after another, each until it waits. Only the world or one of its coroutines runs at a time: nothing
// is concurrent, and the schedule decides the order.
type coroutine struct {
	yield  func(struct{}) bool
	resume func() (struct{}, bool)
	stop   func()

	work func()
	// busy: the work has not ended.
	busy bool
	// killed makes the current wait panic, because the work of a dead process does not continue.
	killed bool
	// failure is what the work panicked with.
	failure string
}

// killed is the value that a killed piece of work panics with.
type killed struct{}

// The libraries log every panic that passes through them. This keeps the panics of killed work out of the log.
func init() {
	for i, handle := range utilruntime.PanicHandlers {
		utilruntime.PanicHandlers[i] = func(ctx context.Context, r any) {
			if _, dies := r.(killed); !dies {
				handle(ctx, r)
			}
		}
	}
}

func newCoroutine() *coroutine {
	f := &coroutine{}
	f.resume, f.stop = iter.Pull(func(yield func(struct{}) bool) {
		f.yield = yield
		for yield(struct{}{}) {
			f.do()
			f.busy = false
		}
	})
	f.resume() // up to the first wait for work
	return f
}

func (f *coroutine) do() {
	defer func() {
		switch r := recover().(type) {
		case nil, killed:
		default:
			f.failure = fmt.Sprintf("%v\n%s", r, debug.Stack())
		}
	}()
	f.work()
}

// start runs work up to its first wait.
func (f *coroutine) start(work func()) {
	f.work, f.busy, f.killed, f.failure = work, true, false, ""
	f.resume()
}

// wait yields to the world until the coroutine is resumed. The work calls it.
func (f *coroutine) wait() {
	f.yield(struct{}{})
	if f.killed {
		panic(killed{})
	}
}

// kill ends the work where it waits.
func (f *coroutine) kill() {
	if f.busy {
		f.killed = true
		f.resume()
	}
}

// Coroutines keeps coroutines and their stacks from one schedule to the next.
type Coroutines struct{ idle []*coroutine }

func (p *Coroutines) take() *coroutine {
	if n := len(p.idle); n > 0 {
		f := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return f
	}
	return newCoroutine()
}

func (p *Coroutines) give(f *coroutine) { p.idle = append(p.idle, f) }

// Close ends the idle coroutines' goroutines.
func (p *Coroutines) Close() {
	for _, f := range p.idle {
		f.stop()
	}
	p.idle = nil
}
