// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/usher-dev/usher/internal/test/prove"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

// Every harness runs a share of its runs that fits CI, or all of them with PROVE=full.
var (
	server      *apiserver.Server
	full        = os.Getenv("PROVE") == "full"
	seed        = flag.Uint64("seed", 1, "chooses the share that runs, and all that is random")
	raceSeats   = flag.Int("race-seats", 500, "seats of the full ledger race")
	raceMembers = flag.Int("race-members", 5000, "members of the full ledger race")
	raceSeeds   = flag.Int("race-seeds", 20, "runs of the full ledger race")
	longestLag  = flag.Duration("longest-lag", 30*time.Second, "the longest lag of a full run of the stale caches")
	onlyWalk    = flag.Uint64("walk", 0, "the one walk to run, by its number")
	raceAbreast = flag.Int("race-abreast", 2, "how many full ledger races go on at once: one alone leaves a fifth of two cores idle")
	walks       = flag.Int("walks", 200, "runs of the full state walk")
	abreast     = flag.Int("abreast", scaled(4, 8), "how many runs of a harness go on at once")
	only        = flag.String("only", "", "the runs to do: those whose names hold this")
)

func TestMain(m *testing.M) {
	flag.Parse()
	debug.SetGCPercent(400) // as for the API server: a history is large, and processor time is what runs are short of
	debug.SetMemoryLimit(5 << 30)
	log.SetLogger(logr.Discard())
	apiserver.Main(reporting{m}, apiserver.Options{}, &server)
}

// reporting prints the table when all tests are over.
type reporting struct{ m *testing.M }

func (r reporting) Run() int {
	code := r.m.Run()
	if len(rows) > 0 {
		slices.SortFunc(rows, func(a, b prove.Row) int { return strings.Compare(a.Harness, b.Harness) })
		if err := prove.Print(os.Stdout, rows); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

var (
	rowsLock sync.Mutex
	rows     []prove.Row
)

// harness adds up its runs.
type harness struct {
	t     *testing.T
	began time.Time
	// limit of one run; default 5 minutes.
	limit time.Duration
	// chosen: only the runs that were asked for.
	chosen bool
	// words that a mutant's harness is to find.
	words string

	mu         sync.Mutex
	runs       int
	faults     int
	violations []string
}

// begin starts a harness that is to find nothing: its row goes into the table, and whatever it finds fails the test.
func begin(t *testing.T, name string) *harness {
	h := &harness{t: t, began: time.Now(), chosen: true}
	t.Cleanup(func() {
		for _, v := range h.violations {
			t.Error(v)
		}
		rowsLock.Lock()
		defer rowsLock.Unlock()
		rows = append(rows, prove.Row{Harness: name, Runs: h.runs, Faults: h.faults, Violations: len(h.violations), Took: time.Since(h.began)})
	})
	return h
}

// mutant starts a harness of a design that was broken on purpose: it has to find that, in so many words. What a slow machine
// does not finish in time is nothing found.
func mutant(t *testing.T, words string) *harness {
	h := &harness{t: t, began: time.Now(), words: words}
	t.Cleanup(func() {
		if found := h.found(); found == "" {
			t.Errorf("%d runs of a broken design, and nothing was found that says %q: %v", h.runs, words, h.violations)
		} else {
			t.Logf("found after %d runs and %s: %s", h.runs, time.Since(h.began).Round(time.Millisecond), found)
		}
	})
	return h
}

// found is the first violation that a mutant's harness was to find; empty if there is none yet.
func (h *harness) found() string {
	for _, v := range h.violations {
		if strings.Contains(v, h.words) {
			return v
		}
	}
	return ""
}

// search repeats a run that finds something only if the dice fall so, until it does; broken designs are found by it, and Usher is
// never given a second try.
func (h *harness) search(tries int, name string, do func(w *world, try uint64)) {
	for try := range tries {
		h.run(fmt.Sprintf("%s, try %d", name, try), func(w *world) { do(w, uint64(try)) })
		if h.found() != "" {
			return
		}
	}
}

// failed ends a run.
type failed string

// run does one run; what it panics with as a failure, and what its world says in the end, are violations.
func (h *harness) run(name string, do func(w *world)) {
	if h.chosen && !strings.Contains(name, *only) {
		return
	}
	began := time.Now()
	w := &world{name: name, patience: patience, glance: glance}
	found := func() (found []string) {
		ctx, cancel := context.WithTimeout(context.Background(), max(h.limit, 5*time.Minute))
		defer cancel()
		defer w.close()
		defer func() {
			switch r := recover().(type) {
			case nil:
			case failed:
				found = append(found, string(r))
			default:
				panic(r)
			}
		}()
		w.build(ctx)
		do(w)
		return w.judge()
	}()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.runs++
	h.faults += w.faults()
	for _, v := range found {
		h.violations = append(h.violations, name+": "+v)
	}
	if testing.Verbose() && h.t != nil {
		h.t.Logf("%-70s %6.1f s  %s", name, time.Since(began).Seconds(), strings.Join(found, "; "))
	}
}

// each does all jobs, some at a time.
func each[T any](jobs []T, do func(T)) { eachOf(*abreast, jobs, do) }

// eachOf is for jobs that wait most of the time, so that more of them can go on at once.
func eachOf[T any](atOnce int, jobs []T, do func(T)) {
	queue := make(chan T)
	var workers sync.WaitGroup
	for range max(1, atOnce) {
		workers.Go(func() {
			for job := range queue {
				do(job)
			}
		})
	}
	for _, job := range jobs {
		queue <- job
	}
	close(queue)
	workers.Wait()
}

// share is all of the jobs, or n of them that the seed chooses, in their order.
func share[T any](jobs []T, n int) []T {
	if full || n >= len(jobs) {
		return jobs
	}
	chosen := randomly(0).Perm(len(jobs))[:n]
	slices.Sort(chosen)
	out := make([]T, 0, n)
	for _, i := range chosen {
		out = append(out, jobs[i])
	}
	return out
}

// randomly is a source of its own for each stream, the same for the same seed.
func randomly(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(*seed, stream)) }

// scaled is how much of something the present scale asks for.
func scaled[T any](ci, all T) T {
	if full {
		return all
	}
	return ci
}
