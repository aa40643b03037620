// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Report is the number of schedules that ran, and what they did.
type Report struct {
	Schedules uint64
	Counts
	// Broken is the result with the lowest seed among those that broke a promise; nil if none did.
	Broken *Result
}

// Explore runs the schedules of count seeds, as many at once as there are processors, and stops at the first that breaks a
// promise.
func Explore(o Options, from, count uint64) Report {
	var (
		report Report
		next   atomic.Uint64
		stop   atomic.Bool
		mu     sync.Mutex
		wait   sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			o := o
			o.Coroutines = &Coroutines{}
			defer o.Coroutines.Close()
			var counts Counts
			ran := uint64(0)
			for !stop.Load() {
				i := next.Add(1) - 1
				if i >= count {
					break
				}
				r := Run(o, from+i)
				ran++
				counts.Add(r.Counts)
				if r.Violation == nil {
					continue
				}
				stop.Store(true)
				mu.Lock()
				if report.Broken == nil || r.Schedule.Seed < report.Broken.Schedule.Seed {
					report.Broken = &r
				}
				mu.Unlock()
			}
			mu.Lock()
			report.Schedules += ran
			report.Add(counts)
			mu.Unlock()
		})
	}
	wait.Wait()
	return report
}
