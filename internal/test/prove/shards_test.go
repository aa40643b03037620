// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/internal/shard"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// acts returns the division that all of that many replicas act by, or what is missing.
func (w *world) acts(replicas int) (division shard.Division, missing string) {
	var leases coordinationv1.LeaseList
	w.must(w.api.List(w.ctx, &leases, client.InNamespace(w.namespace)), "list the Leases")
	var saying []string
	for _, lease := range leases.Items {
		if is := shard.Parse(lease.Annotations["usher.dev/acts-by"]); is.Size() == replicas {
			division = is
			saying = append(saying, lease.Name)
		}
	}
	if len(saying) != replicas {
		return division, fmt.Sprintf("%v of %d act by a division among %d", saying, replicas, replicas)
	}
	return division, ""
}

// If the process is killed that reconciles a namespace, another one has invited a new member of it within 20 s.
func TestShardFailover(t *testing.T) {
	t.Parallel()
	manager, err := buildManager()
	if err != nil {
		t.Fatal(err)
	}
	h := begin(t, "shards: SIGKILL of one of two processes")
	eachOf(2, make([]int, scaled(1, 5)), func(int) {
		h.run("SIGKILL", func(w *world) {
			took, given := w.shardFailover(manager, true, scaled(slowTakeover, takeover))
			waited := max(0, took-given)
			t.Logf("the other one had invited a member after %s, for %s of which the machine was too busy", took.Round(100*time.Millisecond), waited)
			if took > takeover && waited <= starved {
				w.fail("the other one had invited a member after %s, on a machine that was not busy", took)
			}
		})
	})
}

// Without a second process, no one takes the namespace.
func TestShardFailoverNoticesAMissingReplica(t *testing.T) {
	t.Parallel()
	manager, err := buildManager()
	if err != nil {
		t.Fatal(err)
	}
	h := mutant(t, "the other one invites: not within")
	h.run("alone", func(w *world) { w.shardFailover(manager, false, takeover) })
}

func (w *world) shardFailover(manager string, second bool, limit time.Duration) (took, given time.Duration) {
	launch := func() *exec.Cmd {
		cmd := exec.CommandContext(w.ctx, manager, "--kubeconfig", managerKubeconfig(), "--namespace", w.namespace,
			"--watch-namespaces", w.namespace, "--smtp-secret", smtpSecret, "--token-secret", tokenSecret, "--portal-url", portalURL,
			"--portal-bind-address", "0", "--metrics-bind-address", "0", "--health-probe-bind-address", "0", "--shard-by-peers")
		w.must(cmd.Start(), "start a manager")
		return cmd
	}
	end := func(cmd *exec.Cmd) {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	one := launch()
	defer end(one)
	story[0].do(w)
	w.create(testkit.Member("ada").Build())
	w.until("the first one invites", func() string { return w.invited("ada") })
	owner := one
	if second {
		alone, _ := w.acts(1)
		other := launch()
		defer end(other)
		w.until("both share", func() string {
			both, missing := w.acts(2)
			if missing == "" && !alone.Has(both.Owner(w.namespace)) {
				owner = other
			}
			return missing
		})
	}
	before := len(w.sink.Mails())
	end(owner)
	w.injected.Add(1)
	began, given0 := time.Now(), testkit.Given()
	w.create(testkit.Member("bob").Build())
	w.within(limit, "the other one invites", func() string { return w.invited("bob") })
	took, given = time.Since(began), testkit.Given()-given0
	if n := len(w.sink.Mails()) - before; n != 1 {
		w.fail("%d mails to one person", n)
	}
	return took, given
}

// flapping has replicas share a namespace while some come, go, or stand still for longer than their Lease lasts, and writers create,
// disable, enable and delete its members.
type flapping struct {
	replicas, rounds int
	race             race
}

func (f flapping) String() string {
	return fmt.Sprintf("%d replicas, seed %d", f.replicas, f.race.seed)
}

// standsStill is how long a replica stands still: the others take it for dead after 12 s.
const standsStill = 14 * time.Second

// However replicas come and go, no seat is sold twice, no mail sent twice, and no member left alone.
func TestShardsFlap(t *testing.T) {
	t.Parallel()
	h := begin(t, "shards: replicas come, go and stand still")
	h.limit = time.Hour
	var jobs []flapping
	for i := range scaled(1, 5) {
		for _, replicas := range []int{2, 4} {
			jobs = append(jobs, flapping{replicas: replicas, rounds: scaled(2, 12), race: race{
				seed: *seed + uint64(i), seats: scaled(8, 40), members: scaled(10, 30) * writers,
			}})
		}
	}
	eachOf(2, jobs, func(f flapping) { h.run(f.String(), func(w *world) { f.run(w) }) })
}

// Replicas that stand still and then write ledgers whatever their resourceVersion sell seats twice.
func TestShardsFlapNoticesUnconditionalWrites(t *testing.T) {
	t.Parallel()
	h := mutant(t, "SeatPool "+base)
	h.search(8, "last write wins", func(w *world, try uint64) {
		w.timeout = 30 * time.Second
		w.options = append(w.options, func(o *managerOptions) {
			o.wrap = lastWriteWins("seatpools")
			o.wire.Watches("seatpools").Delay(2 * time.Second) // who has the namespace next decides about an old ledger
		})
		flapping{replicas: 2, rounds: 2, race: race{seed: *seed + try, seats: 6, members: 20 * writers}}.run(w)
	})
}

func (f flapping) run(w *world) {
	w.timeout = max(w.timeout, 2*time.Minute)
	w.create(testkit.Account(testkit.DefaultAccount).Build(), testkit.SeatPool(base).Seats(int32(f.race.seats)).Build())
	join := func() *operator {
		o := w.startAnother(func(o *managerOptions) { o.Shards = f.replicas })
		o.noteLease()
		return o
	}
	var live []*operator
	for range f.replicas {
		live = append(live, join())
	}
	w.until("all share", func() string { _, missing := w.acts(f.replicas); return missing })
	for round := range f.rounds {
		w.injected.Add(1)
		var writing sync.WaitGroup
		var failed error
		writing.Go(func() { failed = f.race.write(w, round) })
		for i := range 3 {
			w.create(testkit.Member(fmt.Sprintf("kept-%d-%d", round, i)).Build())
		}
		still := owner(w, live)
		if round%2 == 0 { // the owner of the namespace stands still
			thaw := still.freeze()
			w.await(nil, standsStill)
			thaw()
		} else { // it stops, and another one comes
			still.cancel()
			w.create(testkit.Member(fmt.Sprintf("late-%d", round)).Build())
			<-still.done
			live[slices.Index(live, still)] = join()
		}
		writing.Wait()
		w.must(failed, "write")
		w.until("all share again", func() string { _, missing := w.acts(f.replicas); return missing })
	}
	w.scale(base, int32(f.race.seats))
	w.until("every seat is granted", func() string { return w.unfair() })
	for _, m := range w.sink.Mails() {
		for _, to := range m.To {
			if n := len(w.sink.MailsTo(to)); n > 1 && (strings.HasPrefix(to, "kept-") || strings.HasPrefix(to, "late-")) {
				w.fail("%d mails to %s", n, to)
			}
		}
	}
}

// owner returns the replica that reconciles the world's namespace.
func owner(w *world, live []*operator) (owner *operator) {
	w.until("the owner is known", func() string {
		division, missing := w.acts(len(live))
		for _, o := range live {
			if name := o.lease.Load(); name != nil && strings.HasSuffix(*name, "-"+division.Owner(w.namespace)) {
				owner = o
			}
		}
		if missing == "" && owner == nil {
			return "none of the replicas is it"
		}
		return missing
	})
	return owner
}

// noteLease has the replica's lease remembered, without any fault.
func (o *operator) noteLease() {
	o.wire.When(func(c testkit.Call) bool {
		if c.Resource == "leases" && c.Mutating() {
			o.lease.Store(&c.Name)
		}
		return false
	}, nil)
}

// freeze holds every call of the replica, as if its process stood still, until thaw: then they all arrive.
func (o *operator) freeze() (thaw func()) {
	released := make(chan struct{})
	var once sync.Once
	o.wire.When(func(testkit.Call) bool { return true }, func(req *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		select {
		case <-released:
			return send()
		case <-req.Context().Done():
			if req.Body != nil {
				_ = req.Body.Close()
			}
			return nil, req.Context().Err()
		}
	})
	return func() {
		once.Do(func() {
			o.wire.Heal()
			close(released)
		})
	}
}
