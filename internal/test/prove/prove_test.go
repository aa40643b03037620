// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/usher-dev/usher/internal/test/prove"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

// Every harness runs a share of its runs that fits CI, or all of them with PROVE=full.
var (
	server      *apiserver.Server
	full        = os.Getenv("PROVE") == "full"
	seed        = flag.Uint64("seed", 1, "seed of the share that runs, and of everything random")
	raceSeats   = flag.Int("race-seats", 500, "seats of the full ledger race")
	raceMembers = flag.Int("race-members", 5000, "members of the full ledger race")
	raceSeeds   = flag.Int("race-seeds", 20, "runs of the full ledger race")
	longestLag  = flag.Duration("longest-lag", 30*time.Second, "the longest lag of a full run of the stale caches")
	onlyWalk    = flag.Uint64("walk", 0, "the one walk to run, by its number")
	raceAbreast = flag.Int("race-abreast", 2, "number of concurrent full ledger races: one alone leaves a fifth of two cores idle")
	walks       = flag.Int("walks", 200, "runs of the full state walk")
	abreast     = flag.Int("abreast", scaled(4, 8), "number of concurrent runs of a harness")
	only        = flag.String("only", "", "run only the runs whose names contain this")
)

func TestMain(m *testing.M) {
	flag.Parse()
	debug.SetGCPercent(400) // as for the API server: a history is large, and processor time is scarce
	debug.SetMemoryLimit(5 << 30)
	log.SetLogger(logr.Discard())
	apiserver.Main(reporting{m}, apiserver.Options{}, &server)
}

// managerUser and portalUser have the rights that the manager and the portal have in a cluster.
var managerUser, portalUser *apiserver.User

// platformRights are what a platform grants besides, for the plans and the owned resources of the story (docs/access.md).
var platformRights = []rbacv1.PolicyRule{
	{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"clusterroles"}, ResourceNames: []string{"view"}, Verbs: []string{"bind"}},
	{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"list", "patch"}},
}

func grant(ctx context.Context) (err error) {
	if managerUser, err = server.AddManager(ctx); err != nil {
		return err
	}
	if portalUser, err = server.AddPortal(); err != nil {
		return err
	}
	if err := server.GrantOwnEverywhere(ctx); err != nil {
		return err
	}
	if err := server.GrantManager(ctx, "platform", platformRights...); err != nil {
		return err
	}
	return os.WriteFile(managerKubeconfig(), managerUser.Kubeconfig(), 0o600)
}

// managerKubeconfig is the path of the manager's kubeconfig file.
func managerKubeconfig() string { return filepath.Join(server.Dir(), "manager-kubeconfig") }

// reporting prints the table when all tests are over.
type reporting struct{ m *testing.M }

func (r reporting) Run() int {
	if err := grant(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
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
	// words are part of the violation that a mutant's harness must find.
	words string

	mu         sync.Mutex
	runs       int
	faults     int
	violations []string
}

// begin starts a harness of Usher as it is: its row goes into the table, and any finding fails the test.
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

// mutant starts a harness of a design that was broken on purpose: it has to find a violation with these words. A run that a slow
// machine does not finish in time has found nothing.
func mutant(t *testing.T, words string) *harness {
	h := &harness{t: t, began: time.Now(), words: words}
	t.Cleanup(func() {
		if found := h.found(); found == "" {
			t.Errorf("%d runs of a broken design found nothing with the words %q: %v", h.runs, words, h.violations)
		} else {
			t.Logf("found after %d runs and %s: %s", h.runs, time.Since(h.began).Round(time.Millisecond), found)
		}
	})
	return h
}

// found is the first expected violation of a mutant; empty if there is none yet.
func (h *harness) found() string {
	for _, v := range h.violations {
		if strings.Contains(v, h.words) {
			return v
		}
	}
	return ""
}

// search repeats a run that finds a mutant only by chance until it does. Only mutants run under search: a run of Usher itself is never
// repeated.
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

// run does one run. Its violations are the failure that it panics with, and what its world's judge returns.
func (h *harness) run(name string, do func(w *world)) {
	if h.chosen && !strings.Contains(name, *only) {
		return
	}
	began := time.Now()
	w := &world{name: name, timeout: timeout, pollInterval: pollInterval}
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

// each does all jobs, some of them concurrently.
func each[T any](jobs []T, do func(T)) { eachOf(*abreast, jobs, do) }

// eachOf does jobs that wait most of the time, so that more of them can run concurrently.
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

// share returns all jobs, or n of them that the seed chooses, in their order.
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

// randomly returns a random source for a stream, the same for the same seed.
func randomly(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(*seed, stream)) }

// scaled returns the amount for the current scale.
func scaled[T any](ci, all T) T {
	if full {
		return all
	}
	return ci
}
