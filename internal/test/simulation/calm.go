// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"math"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// horizon is how much time passes in the calm: longer than any retry, shorter than the validity of a link.
const horizon = 3 * time.Hour

// calmSteps is the maximum number of reconciles in the calm.
const calmSteps = 6000

// skewedSteps is the same while operators' clocks differ.
const skewedSteps = 200

// callTime is how long one call takes in the calm. Until then, a call takes only the time that the schedule lets pass.
const callTime = time.Millisecond

// never is a duration that does not pass.
const never = time.Duration(math.MaxInt64)

// nextTimer is when the next key of any queue is due; never if none is.
func (w *world) nextTimer() time.Duration {
	next := never
	for _, o := range w.ops {
		for k := range o.queues {
			for i := range o.queues[k].items {
				if it := &o.queues[k].items[i]; it.queued && it.at > w.clock {
					next = min(next, it.at)
				}
			}
		}
	}
	return next
}

// settle ends all faults, then works until nothing is left to do within the horizon.
func (w *world) settle(horizon time.Duration) {
	w.rightClocks()
	for _, do := range []Action{MendSecret, StartServer} {
		w.apply(Step{Do: do})
	}
	for i := range w.ops {
		w.ops[i].away = 0
		w.apply(Step{Do: Restart, Op: i})
	}
	if w.terms().Problem != "" && w.leaving() {
		w.apply(Step{Do: MakePlan}) // it names the kinds that the members that are being deleted may own
	}
	w.rest(horizon, "")
	if w.collectAll() {
		w.rest(horizon, "")
	}
}

// leaving reports whether a member is being deleted.
func (w *world) leaving() bool {
	return slices.ContainsFunc(w.api.tables[members], func(o client.Object) bool { return o.GetDeletionTimestamp() != nil })
}

// collectAll runs the cluster's garbage collector. It deletes an Invitation that was created while its
// member was deleted.
func (w *world) collectAll() bool {
	collected := false
	for _, o := range append(table{}, w.api.tables[invitations]...) {
		collected = w.collect(o.GetName()) || collected
	}
	return collected
}

// rest does everything that is due within d, without faults. The controllers of the kind hold do nothing.
func (w *world) rest(d time.Duration, hold string) {
	deadline := w.clock + d
	for budget := calmSteps; w.violation == nil; {
		worked := 0
		for _, o := range w.ops {
			if o.up {
				worked += w.work(o, hold)
			}
		}
		budget -= worked
		if budget < calmSteps-skewedSteps && w.clocksDiffer() {
			return // they overwrite each other's verdicts until their clocks agree again
		}
		if budget < 0 {
			w.violated("comes-to-rest", "after %d reconciles there is still work to do", calmSteps)
		}
		if worked > 0 {
			continue
		}
		next := w.nextTimer()
		if next > deadline || w.held() {
			return
		}
		w.clock = next
		w.refresh()
	}
}

// held reports whether a mail is being sent. No time may pass then.
func (w *world) held() bool {
	for _, o := range w.ops {
		for _, t := range o.tasks {
			if t.endBy > 0 {
				return true
			}
		}
	}
	return false
}

// work lets one operator finish its tasks, receive all events and reconcile what is due. It returns how much that was.
func (w *world) work(o *operator, hold string) int {
	worked := 0
	for i := 0; i < len(o.tasks) && w.violation == nil; {
		t := o.tasks[i]
		if onNames[t.on] == hold {
			i++
			continue
		}
		w.proceed(t, None)
		w.clock += callTime
		w.refresh()
		worked++
	}
	for k := range o.caches {
		for o.caches[k].lag(w.api) > 0 {
			before, after := o.caches[k].next(w.api)
			o.tell(kind(k), before, after)
			worked++
		}
	}
	for k := range o.queues {
		for i := 0; i < len(o.queues[k].items) && w.violation == nil && onNames[k] != hold; i++ {
			if it := &o.queues[k].items[i]; it.ready(w.clock) {
				o.reconcile(kind(k), it.key)
				worked++
			}
		}
	}
	return worked
}

// resync tells every controller of every object, as if it were new.
func (w *world) resync() {
	for _, o := range w.ops {
		for k := range o.caches {
			for _, object := range o.caches[k].objects {
				o.tell(kind(k), nil, object)
			}
		}
	}
}

// finish runs the calm after the last step, and checks what must be true after it.
func (w *world) finish() {
	w.calm = true
	if w.restoring() {
		w.apply(Step{Do: Restore, To: "all"})
	}
	w.settle(horizon)
	if w.pastFacts.skewed && w.violation == nil {
		w.rest(resyncAfter, "")
		w.resync()
		w.settle(horizon)
	}
	if w.schedule.Week && w.violation == nil {
		w.clock += 8 * 24 * time.Hour
		w.refresh()
		w.settle(horizon)
	}
	if w.violation != nil {
		return
	}
	w.checkRest()
	writes := w.writes
	due := w.nextTimer() // later writes have other causes than the resync
	w.resync()
	w.settle(min(horizon, due-w.clock-1))
	if w.writes != writes {
		w.violated("rests", "a resync after the calm made %d writes", w.writes-writes)
	}
}
