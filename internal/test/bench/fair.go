// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// Fairness is how long others wait while N members of one account are invited.
type Fairness struct {
	N      int
	Probes []Probe
}

// Probe is one thing that others wait for, and how long it took each time.
type Probe struct {
	What, Where string
	Took        []time.Duration
}

// probe is a Probe that is measured. The nth of its subjects has prepared what act changes; done returns when the change has its effect,
// or zero.
type probe struct {
	what, where string
	act         func(ctx context.Context, nth int) error
	done        func(nth int) time.Time
}

// The account that is rolled out, and its neighbours.
const (
	sameAccount    = "the same account"
	sameNamespace  = "another account, same namespace"
	otherNamespace = "another namespace"
)

// adminRole is the role of those whose access is withdrawn; the plan's other role gives no access.
const adminRole = "admin"

// fair measures with n members in one account: while the first half of them is being invited, all probes act again and again.
func (s *stage) fair(ctx context.Context, n int) (_ *Fairness, err error) {
	if err := s.api.Create(ctx, testkit.Plan("bench").Rights("orders:place").Admin(adminRole).Build()); err != nil {
		return nil, err
	}
	o, err := s.observe(ctx)
	if err != nil {
		return nil, err
	}
	defer o.stop()
	m, _, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.stop()) }()
	f := &fairRun{stage: s, o: o, n: n}
	if err := f.prepare(ctx); err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	if err := m.rest(ctx); err != nil {
		return nil, err
	}
	return f.measure(ctx)
}

type fairRun struct {
	*stage
	o      *observer
	n      int
	busy   tenant
	probes []probe
}

// prepare creates the accounts and those whose access is withdrawn later, and waits until these have access.
func (f *fairRun) prepare(ctx context.Context) error {
	var namespaces [2]string
	for i := range namespaces {
		var err error
		if namespaces[i], err = f.server.Namespace(ctx, "tenant"); err != nil {
			return err
		}
	}
	f.busy = tenant{namespaces[0], "busy"}
	places := []struct {
		where string
		tenant
	}{{sameAccount, f.busy}, {sameNamespace, tenant{namespaces[0], "near"}}, {otherNamespace, tenant{namespaces[1], "far"}}}
	var admins []*testkit.MemberBuilder
	for _, place := range places {
		// One seat for each whose access is withdrawn and, in other accounts, for each who is invited; and one for the account's owner.
		seats := 4*f.Samples + 1
		if place.where == sameAccount {
			seats = f.n
		}
		if err := f.establish(ctx, place.tenant, seats, "bench"); err != nil {
			return err
		}
		admins = append(admins, place.member("owner"))
		for _, w := range withdrawals {
			f.probes = append(f.probes, f.withdrawal(w.what, place.where, place.tenant, w.change))
			for i := range f.Samples {
				admins = append(admins, place.member(fmt.Sprint(w.what, "-", i)))
			}
		}
		if place.where == sameAccount {
			continue
		}
		f.probes = append(f.probes, f.newcomer(place.where, place.tenant))
		closed := make([]tenant, f.Samples)
		for i := range closed {
			closed[i] = tenant{place.namespace, fmt.Sprint("closed-", place.account, "-", i)}
			if err := f.establish(ctx, closed[i], 1, "bench"); err != nil {
				return err
			}
			admins = append(admins, closed[i].member("owner"))
		}
		f.probes = append(f.probes, f.closing(place.where, closed))
	}
	if err := each(ctx, f.Workers, len(admins), func(ctx context.Context, i int) error {
		return f.api.Create(ctx, admins[i].Role(adminRole).Immediate().Build())
	}); err != nil {
		return err
	}
	var users []string
	for _, admin := range admins {
		users = append(users, string(admin.Build().Spec.Email))
	}
	return reach(ctx, "members with access", len(users), func() (int, error) { return f.o.bound(users), nil })
}

// withdrawals are the ways to take a member's access. nil deletes the member.
var withdrawals = []struct {
	what   string
	change []byte
}{
	{"disabled", []byte(`{"spec":{"state":"Disabled"}}`)},
	{"deleted", nil},
	{"demoted", []byte(`{"spec":{"role":"member"}}`)},
}

func (f *fairRun) withdrawal(what, where string, t tenant, change []byte) probe {
	name := func(nth int) string { return fmt.Sprint(what, "-", nth) }
	return probe{"member " + what, where, func(ctx context.Context, nth int) error {
		m := t.member(name(nth)).Build()
		if change == nil {
			return f.api.Delete(ctx, m)
		}
		return f.api.Patch(ctx, m, client.RawPatch(types.MergePatchType, change))
	}, func(nth int) time.Time { return f.o.lostAt(t.address(name(nth))) }}
}

func (f *fairRun) closing(where string, closed []tenant) probe {
	return probe{"account disabled", where, func(ctx context.Context, nth int) error {
		a := testkit.Account(closed[nth].account).In(closed[nth].namespace).Build()
		return f.api.Patch(ctx, a, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"state":"Disabled"}}`)))
	}, func(nth int) time.Time { return f.o.lostAt(closed[nth].address("owner")) }}
}

func (f *fairRun) newcomer(where string, t tenant) probe {
	name := func(nth int) string { return fmt.Sprint("new-", nth) }
	return probe{whatNew, where, func(ctx context.Context, nth int) error {
		return f.api.Create(ctx, t.member(name(nth)).Build())
	}, func(nth int) time.Time { return f.o.at(usherv1.ReasonAwaitingAcceptance, t, t.memberKey(name(nth))) }}
}

const whatNew = "new member invited"

// measure creates the members that keep the manager busy, and lets the probes act.
func (f *fairRun) measure(ctx context.Context) (*Fairness, error) {
	p := &population{}
	for i := range f.n - len(withdrawals)*f.Samples - 1 { // the account has n members in all, as many as one ledger has claims
		p.members = append(p.members, f.busy.member(strconv.Itoa(i)).Build())
	}
	if len(p.members) < 2*f.Samples {
		return nil, fmt.Errorf("%d members are too few for %d samples", f.n, f.Samples)
	}
	invited := func() int { return f.o.count(usherv1.ReasonAwaitingAcceptance, f.busy) }
	var applying sync.WaitGroup
	var failed error
	applying.Go(func() { failed = f.apply(ctx, p) })
	defer applying.Wait()
	began := make([][]time.Time, len(f.probes))
	for i := range began {
		began[i] = make([]time.Time, f.Samples)
	}
	for nth := range f.Samples {
		due := (nth + 1) * len(p.members) / (2 * (f.Samples + 1))
		if err := reach(ctx, "members invited", due, func() (int, error) { return min(due, invited()), nil }); err != nil {
			return nil, err
		}
		for i, probe := range f.probes {
			began[i][nth] = time.Now()
			if err := probe.act(ctx, nth); err != nil {
				return nil, fmt.Errorf("%s: %w", probe.what, err)
			}
		}
	}
	result := &Fairness{N: f.n}
	for i, probe := range f.probes {
		took := Probe{What: probe.what, Where: probe.where}
		for nth := range f.Samples {
			if err := reach(ctx, probe.what+", "+probe.where, 1, func() (int, error) {
				if probe.done(nth).IsZero() {
					return -invited(), nil // the roll-out is progress
				}
				return 1, nil
			}); err != nil {
				return nil, err
			}
			took.Took = append(took.Took, probe.done(nth).Sub(began[i][nth]))
		}
		result.Probes = append(result.Probes, took)
	}
	applying.Wait()
	return result, failed
}
