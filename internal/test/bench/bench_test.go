// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/log"

	_ "github.com/usher-dev/usher/internal/app" // the tests' results depend on the manager, which they build
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

// program is the manager that the tests measure.
var program string

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(withManager(m))
}

func withManager(m *testing.M) int {
	dir, err := os.MkdirTemp("", "usher-bench-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		program = filepath.Join(dir, "manager")
		err = build(program)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func build(path string) error {
	root, err := apiserver.ModuleRoot()
	if err != nil {
		return err
	}
	command := exec.Command("go", "build", "-o", path, "./cmd/manager")
	command.Dir, command.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// Go keeps the results of tests whose packages have not changed. All packages of the manager have to be among those of this test.
func TestAnotherManagerIsMeasuredAgain(t *testing.T) {
	g := NewWithT(t)
	root, err := apiserver.ModuleRoot()
	g.Expect(err).NotTo(HaveOccurred())
	list := func(args ...string) []string {
		command := exec.CommandContext(t.Context(), "go", append([]string{"list", "-deps"}, args...)...)
		command.Dir = root
		out, err := command.Output()
		g.Expect(err).NotTo(HaveOccurred())
		return strings.Fields(string(out))
	}
	tested := list("-test", "./internal/test/bench")
	var missing []string
	for _, path := range list("./cmd/manager") {
		if strings.Contains(path, "usher") && !slices.Contains(tested, path) {
			missing = append(missing, path)
		}
	}
	g.Expect(missing).To(ConsistOf(HaveSuffix("/cmd/manager")), "only the program itself, which is flags and a call, cannot be imported")
}

func short(t *testing.T) Options {
	o := Short()
	o.Manager, o.Log = program, t.Logf
	return o
}

// limits are what a phase may cost a member.
type limits struct {
	// own writes are exact, up to a race in a hundred.
	own float64
	// The others include what members share, which is written less often the more members there are.
	writes, events, reads float64
}

// readsPerRetry is how many reads a conflict costs, of which there are more on a busy machine.
const readsPerRetry = 6

func (l limits) hold(g Gomega, what string, p Phase, n int) {
	for kind, c := range map[string]struct {
		count int
		most  float64
	}{
		"writes to the member and its invitation": {p.Own, l.own + 0.02},
		"writes": {p.Writes, l.writes}, "Events": {p.Events, l.events}, "live reads": {p.Reads - readsPerRetry*p.Conflicts, l.reads},
	} {
		g.Expect(float64(c.count)/float64(n)).To(BeNumerically("<=", c.most), "%s per member, %s", kind, what)
	}
}

// What a member costs must not rise. If a change lowers it, lower the limits.
func TestAMemberCostsNoMoreThanItDid(t *testing.T) {
	for _, c := range []struct {
		shape          Shape
		invite, accept limits
	}{
		{Shapes[0], limits{own: 6, writes: 6.5, events: 1.1, reads: 3}, limits{own: 2, writes: 3, events: 1.1, reads: 2.8}},
		{Shapes[1], limits{own: 6, writes: 7, events: 1.2, reads: 4}, limits{own: 2, writes: 3.5, events: 1.2, reads: 3}},
	} {
		t.Run(c.shape.Name, func(t *testing.T) {
			g, o := NewWithT(t), short(t)
			o.ProfileDir = t.TempDir()
			var r *Rollout
			g.Expect(on(t.Context(), o, set{}, func(s *stage) (err error) {
				r, err = s.rollout(t.Context(), c.shape, o.Sizes[0])
				return err
			})).To(Succeed())
			c.invite.hold(g, "created -> invited", r.Invite, r.N)
			c.accept.hold(g, "accepted -> Active", r.Accept, r.N)
			g.Expect(r.Mails).To(Equal(r.N))
			g.Expect(r.Restart.Writes).To(BeZero(), "a manager that starts at rest writes nothing")
			// Loosely: other tests run on the same processors.
			g.Expect(perSecond(r.N, r.Invite.Wall)/r.Raw.Patches).To(BeNumerically(">", 0.01), "invited/s over the raw client's patches/s")
			g.Expect(r.Invite.Wall.Seconds()/r.Invite.Raw.Seconds()).To(BeNumerically("<", 15), "time over the raw client's")
			g.Expect(r.Accept.Wall.Seconds()/r.Accept.Raw.Seconds()).To(BeNumerically("<", 15), "time over the raw client's")
			g.Expect(r.Invite.Manager).To(BeNumerically(">", 0))
			g.Expect(r.Invite.Server).To(BeNumerically(">", 0))
			for _, table := range (&Report{Rollouts: []*Rollout{r}}).profileTables() {
				g.Expect(len(table.Rows)).To(BeNumerically(">", 5), table.Title)
			}
			g.Expect(filepath.Glob(filepath.Join(o.ProfileDir, "*.pprof"))).To(HaveLen(4), "of two programs, in two phases")
			g.Expect(r.FullHeap).To(BeNumerically(">", r.EmptyHeap))
			g.Expect(r.Restart.Heap).To(BeNumerically(">", 0))
		})
	}
}

// The other lines measure times only. That they work is what can be tested.
func TestTheOtherLines(t *testing.T) {
	o := short(t)
	o.Sizes, o.Samples, o.Mails = []int{40}, 2, 20
	for _, line := range []Line{LineUnit, LineFair, LineConflicts, LineMail, LinePortal, LineScale} {
		t.Run(string(line), func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			o := o
			o.Lines, o.Log = []Line{line}, t.Logf
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			r, err := Run(ctx, o)
			g.Expect(err).NotTo(HaveOccurred())
			for _, f := range r.Fairness {
				g.Expect(f.Probes).To(HaveLen(13))
				for _, p := range f.Probes {
					g.Expect(p.Took).To(HaveLen(o.Samples))
					g.Expect(p.Took).To(HaveEach(BeNumerically(">", 0)), "%s, %s", p.What, p.Where)
				}
			}
			if line == LineConflicts {
				g.Expect(r.Conflicts.Mails).To(Equal(r.Conflicts.N), "two managers send each mail once")
			}
			for _, m := range r.Mails {
				g.Expect(m.Usher).To(BeNumerically(">", 0))
				g.Expect(m.Bare).To(BeNumerically(">", 0), "which of them is faster depends on what else runs")
			}
			for _, u := range r.Units {
				g.Expect(u.Server).To(BeNumerically(">=", 0), u.Call)
			}
			for _, p := range r.Pages {
				g.Expect(p.Failure).NotTo(HaveOccurred(), p.During)
				g.Expect(p.Took).NotTo(BeEmpty(), p.During)
			}
			for _, s := range r.Scales {
				g.Expect(s.Second.Writes).To(BeZero(), "the objects are at rest")
				g.Expect(s.First.Writes).To(BeNumerically("<", s.N), "they are those of a manager, up to what members share")
				g.Expect(s.bytesPerMember()).To(BeNumerically(">", 1000))
			}
			g.Expect(r.Tables()).NotTo(BeEmpty())
		})
	}
}
