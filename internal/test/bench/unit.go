// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// UnitCost is the processor time of one kind of call, which the raw client makes alone, without a manager.
type UnitCost struct {
	Call         string
	Calls        int
	Server, Etcd time.Duration // for one call
}

const (
	// unitCalls is how many calls of a kind are measured; larger ones are measured fewer times.
	unitCalls = 1000
	// unitRounds is in how many rounds all kinds are measured, so that a machine that becomes faster or slower does so for all kinds.
	unitRounds  = 4
	largeShare  = 10
	unitWatches = 8
	ledgerSize  = 1000
)

// unitCosts measures n calls of each kind.
func (s *stage) unitCosts(ctx context.Context, n int) ([]UnitCost, error) {
	r, err := s.raw(ctx, Shapes[0], max(n, ledgerSize))
	if err != nil {
		return nil, err
	}
	idle, err := s.idle(ctx)
	if err != nil {
		return nil, err
	}
	u := &unitRun{rawClient: r, idle: idle, members: make([]*usherv1.Member, n)}
	for round := range unitRounds {
		from, to := n*round/unitRounds, n*(round+1)/unitRounds
		for _, c := range u.calls() {
			end := to
			if c.large {
				end = from + max(1, (to-from)/largeShare)
			}
			if err := u.measure(ctx, c.name, from, end, c.do); err != nil {
				return nil, err
			}
		}
		if err := u.watches(ctx, from, to); err != nil {
			return nil, err
		}
	}
	return u.result(), nil
}

// unitRun has the Members that calls change.
type unitRun struct {
	*rawClient
	idle    load
	members []*usherv1.Member
	costs   []UnitCost
	ledger  sync.Mutex
}

// load is what the programs use while no one calls them: for two readings of their metrics, and per second.
type load struct{ reading, second reading }

// What others are compared with, and the one that is measured by comparison.
const (
	callGet     = "GET a Member"
	callPatch   = "merge patch of the status of a Member, 4 conditions"
	callWatched = "event of a watch of Members, for each client"
)

const idleTime = 3 * time.Second

func (s *stage) idle(ctx context.Context) (load, error) {
	var at [3]reading
	for i := range at {
		if i == len(at)-1 {
			time.Sleep(idleTime)
		}
		var err error
		if at[i], err = s.read(ctx); err != nil {
			return load{}, err
		}
	}
	once, slept := at[1].since(at[0]), at[2].since(at[1])
	perSecond := func(d time.Duration) time.Duration { return d / time.Duration(idleTime.Seconds()) }
	return load{once, reading{server: perSecond(slept.server - once.server), etcd: perSecond(slept.etcd - once.etcd)}}, nil
}

// measure makes a call for each i from from to before to, and adds up its cost.
func (u *unitRun) measure(ctx context.Context, name string, from, to int, do func(ctx context.Context, i int) error) error {
	before, err := u.read(ctx)
	if err != nil {
		return err
	}
	if err := each(ctx, u.Workers, to-from, func(ctx context.Context, i int) error { return do(ctx, from+i) }); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	after, err := u.read(ctx)
	if err != nil {
		return err
	}
	used, took := after.since(before), after.at.Sub(before.at).Seconds()
	net := func(used, reading, second time.Duration) time.Duration {
		return used - reading - time.Duration(took*float64(second))
	}
	c := u.cost(name)
	c.Calls += to - from
	c.Server += net(used.server, u.idle.reading.server, u.idle.second.server)
	c.Etcd += net(used.etcd, u.idle.reading.etcd, u.idle.second.etcd)
	return nil
}

// cost returns the sum of a kind of call.
func (u *unitRun) cost(name string) *UnitCost {
	i := slices.IndexFunc(u.costs, func(c UnitCost) bool { return c.Call == name })
	if i < 0 {
		i = len(u.costs)
		u.costs = append(u.costs, UnitCost{Call: name})
	}
	return &u.costs[i]
}

// result returns the costs of one call each. What events of watches cost is what a patch costs more while there are such watches.
func (u *unitRun) result() []UnitCost {
	for i := range u.costs {
		c := &u.costs[i]
		c.Server, c.Etcd = max(0, c.Server/time.Duration(c.Calls)), max(0, c.Etcd/time.Duration(c.Calls))
	}
	watched := u.cost(callWatched)
	watched.Server, watched.Etcd = max(0, watched.Server-u.cost(callPatch).Server)/unitWatches, 0
	return u.costs
}

type unitCall struct {
	name  string
	large bool
	do    func(ctx context.Context, i int) error
}

// calls returns the kinds of calls in an order in which each finds what it needs. Each changes something.
func (u *unitRun) calls() []unitCall {
	var pool usherv1.SeatPool
	return []unitCall{
		{name: "create a Member", do: func(ctx context.Context, i int) error {
			u.members[i] = u.tenantOf(i).member(strconv.Itoa(i)).Build()
			return u.api.Create(ctx, u.members[i])
		}},
		{name: "create an Invitation", do: u.creating("invitations")},
		{name: "create a Secret", do: u.creating("secrets")},
		{name: "create an Event", do: u.creating("events")},
		{name: callGet, do: func(ctx context.Context, i int) error {
			return u.api.Get(ctx, client.ObjectKeyFromObject(u.members[i]), &usherv1.Member{})
		}},
		{name: "GET a Secret", do: func(ctx context.Context, i int) error {
			return u.api.Get(ctx, types.NamespacedName{Namespace: u.namespace, Name: credentials.Name(u.members[i].Name)}, &corev1.Secret{})
		}},
		{name: "GET a Secret that does not exist", do: func(ctx context.Context, i int) error {
			return client.IgnoreNotFound(u.api.Get(ctx, types.NamespacedName{Namespace: u.namespace, Name: strconv.Itoa(i)}, &corev1.Secret{}))
		}},
		{name: "merge patch of a finalizer of a Member", do: func(ctx context.Context, i int) error {
			return u.api.Patch(ctx, u.members[i], client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":["usher.dev/bench"]}}`)))
		}},
		{name: "merge patch of the status of a Member, 4 conditions: the first", do: u.patching(1)},
		{name: callPatch, do: u.patching(2)},
		{name: "PUT the status of a Member, 4 conditions", do: u.putting(3, false)},
		{name: "PUT the status of a Member, without its managedFields", do: u.putting(4, true)},
		{name: "PUT the status of a Member, nothing changes", do: func(ctx context.Context, i int) error {
			return u.api.Status().Update(ctx, u.members[i])
		}},
		{name: "server-side apply of the status of a Member: the first", do: u.applying(5)},
		{name: "server-side apply of the status of a Member", do: u.applying(6)},
		{name: "PUT the status of a SeatPool with 1,000 claims", large: true, do: func(ctx context.Context, i int) error {
			return u.putLedger(ctx, &pool)
		}},
	}
}

func (u *unitRun) creating(resource string) func(context.Context, int) error {
	return func(ctx context.Context, i int) error { return u.create(ctx, resource, i) }
}

func (u *unitRun) patching(nth int) func(context.Context, int) error {
	return func(ctx context.Context, i int) error {
		return u.api.Status().Patch(ctx, u.members[i], client.RawPatch(types.MergePatchType, described(nth)))
	}
}

func (u *unitRun) putting(nth int64, stripped bool) func(context.Context, int) error {
	return func(ctx context.Context, i int) error {
		m := u.members[i]
		m.Status.ObservedGeneration = nth
		for c := range m.Status.Conditions {
			m.Status.Conditions[c].ObservedGeneration = nth
		}
		if stripped {
			m.ManagedFields = nil
		}
		return u.api.Status().Update(ctx, m)
	}
}

func (u *unitRun) applying(nth int) func(context.Context, int) error {
	return func(ctx context.Context, i int) error {
		m := u.members[i]
		body := fmt.Appendf(nil, `{"apiVersion":%q,"kind":"Member","metadata":{"name":%q},%s`, usherv1.GroupVersion, m.Name, described(nth)[1:])
		return u.api.Status().Patch(ctx, &usherv1.Member{ObjectMeta: metav1.ObjectMeta{Namespace: m.Namespace, Name: m.Name}},
			client.RawPatch(types.ApplyPatchType, body), client.FieldOwner("bench"), client.ForceOwnership)
	}
}

// putLedger gives every claim of a pool another grant.
func (u *unitRun) putLedger(ctx context.Context, pool *usherv1.SeatPool) error {
	t := u.tenants[0]
	u.ledger.Lock() // a pool has one writer
	defer u.ledger.Unlock()
	if pool.Name == "" {
		if err := u.api.Get(ctx, t.key(t.pool()), pool); err != nil {
			return err
		}
	}
	pool.Status.Claims = map[string]int64{}
	for i := range ledgerSize {
		pool.Status.LastGrant++
		pool.Status.Claims[fmt.Sprintf("%036d", i)] = pool.Status.LastGrant
	}
	return u.api.Status().Update(ctx, pool)
}

// watches patches while unitWatches clients watch all Members.
func (u *unitRun) watches(ctx context.Context, from, to int) error {
	watcher, err := client.NewWithWatch(u.server.Config(), client.Options{Scheme: testkit.Scheme()})
	if err != nil {
		return err
	}
	for range unitWatches {
		w, err := watcher.Watch(ctx, &usherv1.MemberList{})
		if err != nil {
			return err
		}
		defer w.Stop()
		go func() {
			for range w.ResultChan() { // only read
			}
		}()
	}
	return u.measure(ctx, callWatched, from, to, u.patching(7))
}

func unitTable(costs []UnitCost) Table {
	t := Table{
		Title: "API server: ms of processor time per call, by kind of call",
		Head:  []string{"each measured alone", "calls", "API server", "as a multiple of a GET", "etcd"},
	}
	get := math.NaN()
	for _, c := range costs {
		if c.Call == callGet {
			get = milliseconds(c.Server)
		}
	}
	for _, c := range costs {
		t.Rows = append(t.Rows, []string{
			c.Call, grouped(c.Calls), number(milliseconds(c.Server), 2), number(milliseconds(c.Server)/get, 1), number(milliseconds(c.Etcd), 2),
		})
	}
	return t
}
