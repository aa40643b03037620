// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/usher-dev/usher/internal/replica"
	"github.com/usher-dev/usher/internal/shard"
)

const (
	// renewEvery is how often a replica renews its Lease and reads the others', renewTimeout how long each call may take.
	renewEvery   = time.Second
	renewTimeout = 3 * time.Second
	// drainTimeout is for how long a replica waits for the reconciles of namespaces that it gives up. A mail that takes longer is protected by
	// its own lease.
	drainTimeout = 10 * time.Second
	// drainEvery is how often a replica that leaves looks whether they have ended.
	drainEvery = 50 * time.Millisecond
	// stopWithin is for how long the next engine waits for the end of the one before.
	stopWithin = 5 * time.Second
	// prepareAgain is when caches that could not be filled are filled again.
	prepareAgain = 2 * time.Second
)

// sharing has this replica reconcile its share of the namespaces.
type sharing struct {
	roster *replica.Roster
	gate   *replica.Gate
	now    func() time.Time
	log    logr.Logger
	// prepare returns an engine for a division.
	prepare func(ctx context.Context, division shard.Division) (*engine, error)

	// published is the division that this replica has published, and when it last renewed its Lease. wanted is the one that it wants since a
	// time.
	published, wanted shard.Division
	renewed           time.Time
	wantedSince       time.Time

	// changed gets the engine that a change has led to; changing: one is under way. failed gets the error of controllers that ended.
	changed  chan *engine
	changing bool
	failed   chan error

	mu sync.Mutex
	// engine that runs; nil if this replica stands by. box are all that may have mails under way.
	engine *engine
	boxes  []finisher
	// settled: the first engine runs, or this replica stands by.
	settled bool
}

// addShared adds the controllers of a replica that shares the namespaces with others.
func (p *process) addShared() (parts, error) {
	name, err := replica.NewName()
	if err != nil {
		return parts{}, err
	}
	most := p.Shards
	if p.ShardByPeers {
		most = 0
	}
	gate := &replica.Gate{Now: time.Now}
	s := &sharing{
		roster: &replica.Roster{Client: p.live, Namespace: p.Namespace, Name: name, Most: most, Now: time.Now},
		gate:   gate, now: time.Now, log: ctrl.Log.WithName("replica").WithValues("replica", name),
		changed: make(chan *engine, 1), failed: make(chan error, 1),
	}
	s.prepare = func(ctx context.Context, division shard.Division) (*engine, error) {
		e, err := p.prepare(ctx, division, name, gate)
		if err == nil {
			p.mu.Lock()
			p.registry = e.registry
			p.mu.Unlock()
		}
		return e, err
	}
	book, err := p.newAddressBook()
	if err != nil {
		return parts{}, err
	}
	ready := func(request *http.Request) error { return errors.Join(s.ready(request), book.Ready(request)) }
	return parts{s, ready, book.MembersAt}, errors.Join(
		attempt("share the namespaces", p.mgr.Add(s)),
		attempt("list the members' addresses", p.mgr.Add(book)),
	)
}

var _ manager.Runnable = &sharing{}

// Start implements manager.Runnable.
func (s *sharing) Start(ctx context.Context) error {
	ticks := time.NewTicker(renewEvery)
	defer ticks.Stop()
	for {
		s.turn(ctx)
		select {
		case <-ctx.Done():
			s.leave()
			return nil
		case err := <-s.failed:
			s.leave()
			return err
		case s.engine = <-s.changed:
			s.changing = false
		case <-ticks.C:
		}
	}
}

// turn renews the Lease, publishes the wanted division once nothing is left to finish, reads the others', and changes the engine if it is
// not that of the published division.
func (s *sharing) turn(ctx context.Context) {
	if err := s.renew(ctx); err != nil {
		s.log.Error(err, "cannot renew the Lease; without it, this replica stops acting",
			"lastRenewed", s.renewed, "stopsAfter", replica.StopsAfter)
	} else if !s.published.Equal(s.wanted) && s.drained() {
		if err := s.renew(ctx); err != nil {
			s.log.Error(err, "cannot publish that the namespaces are divided anew; trying again", "pause", renewEvery)
		}
	}
	s.adjust(ctx)
}

// drained reports whether this replica may publish what it wants: nothing is under way in the namespaces that it gives up, or it takes too
// long.
func (s *sharing) drained() bool {
	return s.gate.Busy() == 0 || s.now().Sub(s.wantedSince) >= drainTimeout
}

func (s *sharing) renew(ctx context.Context) error {
	acts, began := s.published, s.now()
	if !acts.Equal(s.wanted) && s.drained() {
		acts = s.wanted
	}
	ctx, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	if err := s.roster.Renew(ctx, acts); err != nil {
		return fmt.Errorf("renew: %w", err)
	}
	s.published, s.renewed = acts, began
	live, err := s.roster.Read(ctx)
	if err != nil {
		return fmt.Errorf("find the other replicas: %w", err)
	}
	others := slices.DeleteFunc(slices.Clone(live), func(r shard.Replica) bool { return r.Name == s.roster.Name })
	if wanted := shard.Divide(live); !wanted.Equal(s.wanted) {
		s.log.Info("the namespaces are divided anew",
			"among", wanted.String(), "joined", newIn(wanted, s.wanted), "left", newIn(s.wanted, wanted),
			"standsBy", !wanted.Has(s.roster.Name))
		s.wanted, s.wantedSince = wanted, began
	}
	s.gate.Set(shard.View{Self: s.roster.Name, Wanted: s.wanted, Published: acts, Others: others}, began.Add(replica.StopsAfter))
	return nil
}

// newIn returns the replicas of a division that another one does not have.
func newIn(division, other shard.Division) string {
	var names []string
	for name := range strings.SplitSeq(division.String(), ",") {
		if name != "" && !other.Has(name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// adjust begins to change the engine if it is not that of the published division. A replica whose Lease has ended, or that stands by, has
// none: its caches would grow old.
func (s *sharing) adjust(ctx context.Context) {
	target := s.published
	if !target.Has(s.roster.Name) || !s.now().Before(s.renewed.Add(replica.StopsAfter)) {
		target = shard.Division{}
	}
	var current shard.Division
	if s.engine != nil {
		current = s.engine.division
	}
	if s.changing || current.Equal(target) {
		if !s.changing && !s.wanted.Equal(shard.Division{}) && s.published.Equal(s.wanted) {
			s.settle()
		}
		return
	}
	s.changing = true
	go func(from *engine) { s.changed <- s.change(ctx, from, target) }(s.engine)
}

// change fills the caches for a division, ends the engine that runs, and starts the next one: what this replica keeps is without an engine
// only for a moment.
func (s *sharing) change(ctx context.Context, from *engine, to shard.Division) *engine {
	var next *engine
	if to.Size() > 0 {
		var err error
		if next, err = s.prepare(ctx, to); err != nil {
			if ctx.Err() == nil {
				s.log.Error(err, "cannot fill the caches; trying again", "pause", prepareAgain)
				select {
				case <-ctx.Done():
				case <-time.After(prepareAgain):
				}
			}
			return from
		}
	}
	if from != nil {
		from.stop(stopWithin)
	}
	if next != nil && ctx.Err() != nil { // this replica ends
		next.drop()
		next = nil
	}
	if next == nil {
		s.log.Info("this replica reconciles nothing")
		return nil
	}
	s.begin(ctx, next)
	s.log.Info("this replica reconciles its share", "of", to.Size(), "replicas", to.String())
	return next
}

// begin starts an engine, and reports if it ends on its own.
func (s *sharing) begin(ctx context.Context, e *engine) {
	s.mu.Lock()
	s.boxes = append(s.boxes, e.box)
	s.mu.Unlock()
	e.start(ctx)
	go func() {
		<-e.done
		if e.running.Err() == nil {
			s.failed <- fmt.Errorf("run the controllers of a share: %w", e.err)
			return
		}
		<-e.finished
		s.mu.Lock()
		defer s.mu.Unlock()
		s.boxes = slices.DeleteFunc(s.boxes, func(box finisher) bool { return box == finisher(e.box) })
	}()
}

// leave stops acting, waits for what is under way, and tells the others.
func (s *sharing) leave() {
	s.gate.Set(shard.View{}, time.Time{})
	// An error says that the time is over: what is left is protected by its own lease.
	_ = wait.PollUntilContextTimeout(context.Background(), drainEvery, drainTimeout, true, func(context.Context) (bool, error) {
		return s.gate.Busy() == 0, nil
	})
	ctx, cancel := context.WithTimeout(context.Background(), renewTimeout)
	defer cancel()
	if err := s.roster.Leave(ctx); err != nil {
		s.log.Error(err, "the other replicas wait until the Lease ends", "duration", replica.Lasts)
	}
	if s.changing {
		s.engine = <-s.changed
	}
	if s.engine != nil {
		s.engine.stop(stopWithin)
	}
}

func (s *sharing) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled = true
}

// ready reports an error until this replica has its share, or stands by.
func (s *sharing) ready(*http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.settled {
		return errors.New("the caches are not filled yet")
	}
	return nil
}

// Finish implements finisher, for all engines.
func (s *sharing) Finish(ctx context.Context) {
	s.mu.Lock()
	boxes := slices.Clone(s.boxes)
	s.mu.Unlock()
	for _, box := range boxes {
		box.Finish(ctx)
	}
}
