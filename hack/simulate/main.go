// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Command simulate runs Usher's reconcilers in a simulated world for a number of seeds. If one of them breaks a
// promise, it prints the shortest schedule that does so, with an explanation, and exits with a non-zero status.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/usher-dev/usher/internal/test/simulation"
)

// collectLess trades memory for time: a run produces only short-lived garbage.
const collectLess = 800

// shrinkTries is how many schedules are played to find a shorter one that fails.
const shrinkTries = 5000

func main() {
	seeds := flag.Uint64("seeds", 10000, "`number` of schedules to run")
	from := flag.Uint64("from", 0, "first seed")
	replay := flag.String("replay", "", "play the schedule in this file instead, and print what happens")
	flag.Parse()
	debug.SetGCPercent(collectLess)
	if *replay != "" {
		os.Exit(play(*replay))
	}
	os.Exit(explore(*from, *seeds))
}

func play(file string) int {
	text, err := os.ReadFile(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	schedule, err := simulation.ParseSchedule(string(text))
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", file, err)
		return 2
	}
	if r := simulation.Play(simulation.Options{Trace: os.Stdout}, schedule); r.Violation != nil {
		return 1
	}
	fmt.Println("no promise was broken")
	return 0
}

func explore(from, count uint64) int {
	start, used := time.Now(), processorTime()
	r := simulation.Explore(simulation.Options{}, from, count)
	wall, used := time.Since(start), processorTime()-used
	fmt.Printf("%d schedules from seed %d: %d steps, %d faults, %d calls, %d changes, "+
		"%d mails and %d copies, %d acceptances, %d profiles, %d confirmed addresses, %d activations, %d withdrawals, %d rotations\n",
		r.Schedules, from, r.Steps, r.Faults, r.Calls, r.Changes, r.Mails, r.Copies, r.Welcomes, r.Profiles, r.Confirmed,
		r.Activations, r.Withdrawals, r.Rotations)
	fmt.Printf("%.0f schedules and %.0f calls a second of wall time; %.0f and %.0f a second of one processor\n",
		float64(r.Schedules)/wall.Seconds(), float64(r.Calls)/wall.Seconds(), float64(r.Schedules)/used.Seconds(),
		float64(r.Calls)/used.Seconds())
	if r.Broken == nil {
		fmt.Println("no promise was broken")
		return 0
	}
	o, promise := simulation.Options{}, r.Broken.Violation.Promise
	shortest := simulation.Shrink(o, r.Broken.Schedule, promise, shrinkTries)
	fmt.Printf("seed %d broke %v\n\n%s\nTo play this schedule again, save it and use -replay:\n\n%s",
		r.Broken.Schedule.Seed, r.Broken.Violation, simulation.Explain(o, shortest), shortest)
	return 1
}

// processorTime returns the processor time that this process has used.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
