// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/internal/channel"
)

// accountName is the name of the only account.
const accountName = "acme"

// step performs s if it is possible, and reports whether it was.
func (w *world) step(s Step) bool {
	if !w.apply(s) {
		return false
	}
	w.noteSkew()
	w.steps++
	w.remember(s.String())
	return true
}

func (w *world) apply(s Step) bool {
	o := w.ops[s.Op]
	switch s.Do {
	case Deliver:
		return w.deliverEvent(o, s)
	case Relist:
		return w.relist(o, s)
	case Begin:
		return w.begin(o, s)
	case Go:
		return w.proceedTask(o, s)
	case Crash:
		return w.crash(o, s)
	case Restart:
		return w.restart(o, s)
	case Skew:
		w.announce(s)
		return w.skew(s)
	}
	w.announce(s)
	switch s.Do {
	case Pass:
		return w.pass(time.Duration(s.N) * time.Millisecond)
	case Rest:
		w.rest(time.Duration(s.N)*time.Millisecond, s.To)
		return true
	}
	if do, found := visitors[s.Do]; found {
		return do(o, s)
	}
	if do, found := platform[s.Do]; found {
		return do(w, s)
	}
	if !w.administer(s) {
		return false
	}
	if !harmless[s.Do] {
		w.granted = nil
	}
	return true
}

// deliverEvent hands the next event to a cache of the operator.
func (w *world) deliverEvent(o *operator, s Step) bool {
	if !o.up || o.caches[s.On].lag(w.api) == 0 {
		return false
	}
	w.announce(s)
	before, after := o.caches[s.On].next(w.api)
	o.tell(s.On, before, after)
	return true
}

// relist replaces what a cache holds by the API server's objects of N revisions ago.
func (w *world) relist(o *operator, s Step) bool {
	at := len(w.api.logs[s.On]) - int(s.N)
	if !o.up || at <= o.caches[s.On].at {
		return false
	}
	w.announce(s)
	o.caches[s.On].relist(w.api, at, func(before, after client.Object) { o.tell(s.On, before, after) })
	return true
}

// begin starts to reconcile an object that is due in its queue, if a worker is free.
func (w *world) begin(o *operator, s Step) bool {
	if !o.up || o.busy(s.On) >= workers {
		return false
	}
	key := named(s.Name)
	switch s.On {
	case secrets:
		key = smtpSecret
	case plans:
		key = planKey
	}
	if !o.queues[s.On].item(key).ready(w.clock) {
		return false
	}
	w.announce(s)
	o.reconcile(s.On, key)
	return true
}

// proceedTask lets a task make the call that it waits for.
func (w *world) proceedTask(o *operator, s Step) bool {
	t := o.task(s.On, s.Name)
	if t == nil || !o.up {
		return false
	}
	w.proceed(t, s.Fault)
	return true
}

func (w *world) crash(o *operator, s Step) bool {
	if !o.up {
		return false
	}
	w.announce(s)
	o.crash()
	return true
}

func (w *world) restart(o *operator, s Step) bool {
	if o.up {
		return false
	}
	w.announce(s)
	o.start(int(s.N))
	return true
}

func (w *world) announce(s Step) {
	if w.options.Trace != nil {
		w.note("%s", s)
	}
}

// pass moves the clock by d, or to the next timer if d is 0. It does not pass the time at which a mail that is being sent must end, which
// is before the end of its lease.
func (w *world) pass(d time.Duration) bool {
	to := w.clock + d
	if d == 0 {
		to = w.nextTimer()
	}
	for _, o := range w.ops {
		for _, t := range o.tasks {
			if t.endBy > 0 {
				to = min(to, t.endBy)
			}
		}
	}
	if to <= w.clock || to == never {
		return false
	}
	w.clock = to
	w.refresh()
	return true
}

func (w *world) site(o *operator, live bool) ClientSite {
	s := ClientSite{Operator: o.id, Live: live, Cached: &wire{world: w, op: o}, Memory: o.memory}
	s.Keys, _ = o.keys.Get(quiet)
	return s
}

func (w *world) wrap(o *operator, c *wire) client.Client {
	if w.options.Wrap == nil {
		return c
	}
	return w.options.Wrap(w.site(o, c.live), c)
}

func (w *world) wrapPortal(o *operator, c client.Client) client.Client {
	if w.options.WrapPortal == nil {
		return c
	}
	return w.options.WrapPortal(w.site(o, true), c)
}

func (w *world) wrapSender(o *operator, s channel.Channel) channel.Channel {
	if w.options.WrapSender == nil {
		return s
	}
	return w.options.WrapSender(w.site(o, true), s)
}

// Play runs a schedule. It skips steps that are not possible.
func Play(o Options, s Schedule) Result {
	w := newWorld(o, s)
	defer w.close()
	return w.play(func(i int) (Step, bool) {
		if i >= len(s.Steps) {
			return Step{}, false
		}
		return s.Steps[i], true
	})
}

// Run draws a schedule from a seed and runs it.
func Run(o Options, seed uint64) Result {
	d := newDraw(seed)
	w := newWorld(o, Schedule{Seed: seed, Fine: d.fine, Week: d.week})
	defer w.close()
	return w.play(func(i int) (Step, bool) { return d.next(w, i) })
}

func (w *world) play(next func(int) (Step, bool)) Result {
	r := Result{Schedule: Schedule{Seed: w.schedule.Seed, Fine: w.schedule.Fine, Week: w.schedule.Week}}
	for i := 0; w.violation == nil; i++ {
		s, more := next(i)
		if !more {
			w.finish()
			break
		}
		if !w.step(s) {
			continue
		}
		r.Schedule.Steps = append(r.Schedule.Steps, s)
		if s.Fault != None || s.Do == Crash || s.Do == Relist {
			w.counts.Faults++
		}
	}
	w.counts.Steps, w.counts.Changes, w.counts.Mails = w.steps, int(w.api.revision), len(w.inbox)
	for _, d := range w.inbox {
		w.counts.Copies += d.copies - 1
	}
	r.Violation, r.Digest, r.Counts = w.violation, w.digest, w.counts
	return r
}
