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

// fiber runs one piece of work after another, each as far as it goes until it waits. Exactly one fiber of a world runs at a
// time, and the world itself does not while one runs: nothing is concurrent, and the order is the schedule's.
type fiber struct {
	yield  func(struct{}) bool
	resume func() (struct{}, bool)
	stop   func()

	work func()
	// busy while the work has not come to its end.
	busy bool
	// killed makes the wait that the work is in panic, as a process that dies never comes back.
	killed bool
	// failure is what the work panicked with.
	failure string
}

// death is what a killed piece of work panics with.
type death struct{}

// The libraries log every panic that passes through them; a death is none.
func init() {
	for i, handle := range utilruntime.PanicHandlers {
		utilruntime.PanicHandlers[i] = func(ctx context.Context, r any) {
			if _, dies := r.(death); !dies {
				handle(ctx, r)
			}
		}
	}
}

func newFiber() *fiber {
	f := &fiber{}
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

func (f *fiber) do() {
	defer func() {
		switch r := recover().(type) {
		case nil, death:
		default:
			f.failure = fmt.Sprintf("%v\n%s", r, debug.Stack())
		}
	}()
	f.work()
}

// start runs work up to its first wait.
func (f *fiber) start(work func()) {
	f.work, f.busy, f.killed, f.failure = work, true, false, ""
	f.resume()
}

// wait hands over until the fiber is resumed. It is called by the work.
func (f *fiber) wait() {
	f.yield(struct{}{})
	if f.killed {
		panic(death{})
	}
}

// kill ends the work where it waits.
func (f *fiber) kill() {
	if f.busy {
		f.killed = true
		f.resume()
	}
}

// Fibers are kept from one schedule to the next, with the stacks that they grew.
type Fibers struct{ idle []*fiber }

func (p *Fibers) take() *fiber {
	if n := len(p.idle); n > 0 {
		f := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return f
	}
	return newFiber()
}

func (p *Fibers) give(f *fiber) { p.idle = append(p.idle, f) }

// Close ends the idle fibers' goroutines.
func (p *Fibers) Close() {
	for _, f := range p.idle {
		f.stop()
	}
	p.idle = nil
}
