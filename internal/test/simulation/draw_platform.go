// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// addPlatform adds what the platform could do.
func (d *draw) addPlatform(w *world) {
	switch {
	case d.restores == 0:
	case w.restoring():
		d.addRestores(w)
	default:
		d.addLosses(w)
	}
}

func (d *draw) addLosses(w *world) {
	d.add(d.restores, Step{Do: BackUp})
	if w.backup == nil {
		return
	}
	d.add(d.restores, Step{Do: Lose, N: int64(d.random.IntN(2))})
	for _, o := range w.unrestored() {
		if kindOf(o) == members || kindOf(o) == secrets {
			d.add(2*d.restores, Step{Do: Restore, Name: identity(o)})
		}
	}
	if o := d.anyObject(w); o != nil {
		d.add(d.restores, Step{Do: Wipe, To: onNames[kindOf(o)], Name: o.GetName()})
	}
}

// addRestores adds that one object is restored, or all that are left.
func (d *draw) addRestores(w *world) {
	missing := w.unrestored()
	d.add(4*d.restores, Step{Do: Restore, Name: identity(missing[d.random.IntN(len(missing))])})
	d.add(d.restores, Step{Do: Restore, To: "all", N: int64(d.random.IntN(1 << 16))})
}

// anyObject returns one of the objects that have a status.
func (d *draw) anyObject(w *world) client.Object {
	k := kind(d.random.IntN(int(plans) + 1))
	if all := w.api.tables[k]; len(all) > 0 {
		return all[d.random.IntN(len(all))]
	}
	return nil
}

// settled draws the next step, and lets backups and wipes mostly come at rest: only then it is known what members must have again.
func (d *draw) settled() (Step, bool) {
	s, more := d.pick()
	if (s.Do == BackUp || s.Do == Wipe) && !d.chance(4) {
		d.then = []Step{s}
		return Step{Do: Rest, N: 5000}, more
	}
	return s, more
}

// skews are how far clocks are wrong: by less than what is not doubted, or more.
var skews = []time.Duration{
	time.Minute, 9 * time.Minute, 11 * time.Minute, 2 * time.Hour, 25 * time.Hour, 9 * 24 * time.Hour, 365 * 24 * time.Hour,
}

// addSkews adds that clocks become wrong, and right again.
func (d *draw) addSkews(w *world) {
	if d.skews == 0 {
		return
	}
	for _, o := range w.ops {
		if o.ahead != 0 {
			d.add(d.skews, Step{Do: Skew, Op: o.id})
			continue
		}
		d.add(d.skews, Step{Do: Skew, Op: o.id, N: d.skew()})
	}
}

// skew returns how many milliseconds a clock is ahead, or behind.
func (d *draw) skew() int64 {
	ahead := skews[d.random.IntN(len(skews))]
	if d.chance(3) {
		ahead = -ahead
	}
	return ahead.Milliseconds()
}

// restart is the weight of the start of an operator.
func (d *draw) restart(w *world) int {
	if d.alone && (w.ops[0].up || w.ops[1].up) {
		return 1
	}
	return 5
}
