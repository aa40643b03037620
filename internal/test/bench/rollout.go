// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Rollout is what N members cost in one Shape: from their creation until they are invited, from their acceptance until they are Active,
// and the manager that starts after that.
type Rollout struct {
	Shape Shape
	N     int
	// Raw are the mean of the rates before and after.
	Raw            Rates
	Invite, Accept Phase
	// EmptyHeap and FullHeap are the live heap with the accounts only, and right after the roll-out.
	EmptyHeap, FullHeap int64
	Restart             Restart
	// Mails is how many mails the server has received.
	Mails int
}

// Phase is one of the two halves of a roll-out.
type Phase struct {
	// Wall is from the first call of the bench until the last member is seen to be there. Raw is the raw client's time for the same writes,
	// the bench's own and the manager's.
	Wall, Raw time.Duration
	// Writes, Events and Reads are the manager's calls: writes and Events that succeeded, and all reads, which went past its caches.
	Writes, Events, Reads int
	// Own are the Writes to Members and Invitations. The others are to what members share, and fewer in a burst.
	Own int
	// Conflicts are writes that were refused because another came first.
	Conflicts int
	// Calls are all requests to the API server.
	Calls int
	// Manager and Server are processor time.
	Manager, Server time.Duration
	// Profiles are nil unless Options ask for them.
	Profiles *Profiles
}

// Restart is a manager that starts while all members are at rest.
type Restart struct {
	// Ready is until /readyz says so, Rest until every object has been reconciled.
	Ready, Rest time.Duration
	// Writes are its writes and Events.
	Writes int
	// Heap is its live heap: caches and indexes, and nothing that a roll-out leaves for some minutes, such as what was said in Events.
	Heap int64
	// Resident is its resident memory.
	Resident int64
	// Manager and Server are processor time until every object has been reconciled.
	Manager, Server time.Duration
}

// heapPerMember returns by how much a live heap is larger than with the accounts only, in bytes per member.
func (r *Rollout) heapPerMember(heap int64) float64 { return float64(heap-r.EmptyHeap) / float64(r.N) }

// rateMembers is for how many members the raw client's rates are measured.
const rateMembers = 500

func (s *stage) rollout(ctx context.Context, shape Shape, n int) (*Rollout, error) {
	r := &Rollout{Shape: shape, N: n}
	before, err := s.rates(ctx, min(n, rateMembers))
	if err != nil {
		return nil, fmt.Errorf("raw client: %w", err)
	}
	p, err := s.populate(ctx, shape, n)
	if err != nil {
		return nil, fmt.Errorf("create accounts: %w", err)
	}
	invited, accepted, err := s.roll(ctx, r, p)
	if err != nil {
		return nil, err
	}
	if r.Mails = len(s.sink.Mails()); r.Mails != n {
		return nil, fmt.Errorf("%d mails to %d members", r.Mails, n)
	}
	s.Log("  the raw client makes the same writes")
	raw, err := s.raw(ctx, shape, n)
	if err != nil {
		return nil, err
	}
	if r.Invite.Raw, err = raw.replay(ctx, invited, n); err != nil {
		return nil, fmt.Errorf("raw client: %w", err)
	}
	if r.Accept.Raw, err = raw.replay(ctx, accepted, n); err != nil {
		return nil, fmt.Errorf("raw client: %w", err)
	}
	after, err := s.rates(ctx, min(n, rateMembers))
	if err != nil {
		return nil, fmt.Errorf("raw client: %w", err)
	}
	r.Raw = Rates{(before.Creates + after.Creates) / 2, (before.Patches + after.Patches) / 2}
	return r, nil
}

// roll does all that a manager is needed for, and returns the calls of the two phases.
func (s *stage) roll(ctx context.Context, r *Rollout, p *population) (invited, accepted calls, err error) {
	o, err := s.observe(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer o.stop()
	m, _, err := s.start(ctx)
	if err != nil {
		return nil, nil, err
	}
	stop := func() { err = errors.Join(err, m.stop()) }
	defer func() { stop() }()
	if err := errors.Join(s.ready(ctx, p.tenants), m.rest(ctx)); err != nil {
		return nil, nil, err
	}
	if r.EmptyHeap, err = m.liveHeap(ctx); err != nil {
		return nil, nil, err
	}
	s.Log("  created -> invited")
	if r.Invite, invited, err = s.profiledPhase(ctx, o, p, usherv1.ReasonAwaitingAcceptance, s.apply, m); err != nil {
		return nil, nil, err
	}
	s.Log("  accepted -> Active")
	if r.Accept, accepted, err = s.profiledPhase(ctx, o, p, usherv1.ReasonAccepted, s.accept, m); err != nil {
		return nil, nil, err
	}
	if r.FullHeap, err = m.liveHeap(ctx); err != nil {
		return nil, nil, err
	}
	stop()
	stop = func() {}
	if err != nil {
		return nil, nil, err
	}
	s.Log("  restart")
	r.Restart, err = s.restart(ctx)
	return invited, accepted, err
}

// profiledPhase is a phase of one manager, with profiles if Options ask for them.
func (s *stage) profiledPhase(
	ctx context.Context, o *observer, p *population, ends string, do func(context.Context, *population) error, m *manager,
) (ph Phase, counted calls, err error) {
	if s.ProfileDir == "" {
		return s.phase(ctx, o, p, ends, do, m)
	}
	profiles, err := s.profiled(ctx, m, func() (err error) {
		ph, counted, err = s.phase(ctx, o, p, ends, do, m)
		return err
	})
	if err != nil {
		return Phase{}, nil, err
	}
	ph.Profiles = profiles
	return ph, counted, profiles.write(s.ProfileDir, fmt.Sprintf("%d-accounts-%d-members-%s", len(p.tenants), len(p.members), ends))
}

// phase has the bench do its part and measures until all members have the reason that ends the phase, and until the managers are at rest.
// Time counts until the former, calls and processor time until the latter.
func (s *stage) phase(
	ctx context.Context, o *observer, p *population, ends string, do func(context.Context, *population) error, managers ...*manager,
) (Phase, calls, error) {
	before, err := s.read(ctx, managers...)
	if err != nil {
		return Phase{}, nil, err
	}
	began := time.Now()
	if err := do(ctx, p); err != nil {
		return Phase{}, nil, err
	}
	if err := reach(ctx, "members "+ends, len(p.members), func() (int, error) { return o.count(ends, p.tenants...), nil }); err != nil {
		return Phase{}, nil, err
	}
	for _, m := range managers {
		if err := m.rest(ctx); err != nil {
			return Phase{}, nil, err
		}
	}
	after, err := s.read(ctx, managers...)
	if err != nil {
		return Phase{}, nil, err
	}
	used := after.since(before)
	s.Log("    %s", used.calls)
	ph := phaseOf(used, len(p.members))
	ph.Wall = o.last(ends, p.tenants...).Sub(began)
	return ph, used.calls, nil
}

// phaseOf counts a phase in which the bench itself made own writes.
func phaseOf(used reading, own int) Phase {
	return Phase{
		Writes:    used.calls.count(work, call.mutating, call.succeeded) - own,
		Own:       used.calls.count(call.mutating, call.succeeded, call.ofMembers),
		Events:    used.calls.count(call.event, call.succeeded),
		Reads:     used.calls.count(work, call.reading),
		Conflicts: used.calls.count(work, call.mutating, call.conflict),
		Calls:     used.calls.count(),
		Manager:   used.manager,
		Server:    used.server,
	}
}

// restart starts a manager on objects that are all at rest, and stops it. There is no election, which would be announced by an Event.
func (s *stage) restart(ctx context.Context) (_ Restart, err error) {
	before, err := s.read(ctx)
	if err != nil {
		return Restart{}, err
	}
	began := time.Now()
	m, ready, err := s.start(ctx, "--leader-elect=false")
	if err != nil {
		return Restart{}, err
	}
	defer func() { err = errors.Join(err, m.stop()) }()
	if err := reach(ctx, "a manager that reconciles", 1, func() (int, error) {
		samples, err := m.metrics(ctx, reconciled)
		return min(1, int(sum(samples, reconciled))), err
	}); err != nil {
		return Restart{}, err
	}
	if err := m.rest(ctx); err != nil {
		return Restart{}, err
	}
	rested := time.Since(began) - restful*restInterval
	after, err := s.read(ctx, m)
	if err != nil {
		return Restart{}, err
	}
	used := after.since(before)
	s.Log("    %s", used.calls)
	wrote := func(c call) bool { return c.mutating() && (work(c) || c.event()) }
	r := Restart{Ready: ready, Rest: rested, Writes: used.calls.count(wrote), Manager: used.manager, Server: used.server}
	if r.Heap, err = m.liveHeap(ctx); err != nil {
		return Restart{}, err
	}
	samples, err := m.metrics(ctx, residentBytes)
	r.Resident = int64(sum(samples, residentBytes))
	return r, err
}
