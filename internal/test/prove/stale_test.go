// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// watched are the resources that a manager caches.
var watched = []string{"accounts", "seatpools", "members", "invitations", "secrets", "roles", "rolebindings", "plans", "configmaps"}

// relist is how often caches list again if events are lost; 10 minutes in production. If it were much shorter, client-go would back
// off for longer and longer between two lists.
const relist = 12 * time.Second

// staleness is what happens to the watches of one kind throughout the story.
type staleness struct {
	kind string
	how  string
	lag  time.Duration
	// disturb disturbs the watches until ctx is done, and then ends the disturbance.
	disturb func(ctx context.Context, s staleness, watches *testkit.Watches, struck func())
}

func (s staleness) String() string { return fmt.Sprintf("%s %s, %s", s.kind, s.how, s.lag) }

func late(_ context.Context, s staleness, watches *testkit.Watches, struck func()) {
	struck()
	watches.Delay(s.lag)
}

// maxDisturbances is the number of disturbances in one story: client-go backs off for longer and longer before it lists again, and a watch
// that is dropped each time never works.
const maxDisturbances = 6

// soon is about the longest time between disturbances: a story takes only some seconds, even if the lag is longer.
const soon = 2 * time.Second

// patient is the lag from which on runs wait most of the time, so that many can run concurrently.
const patient = 10 * time.Second

// again disturbs the watches repeatedly, each time for about as long as the lag.
func again(do func(*testkit.Watches, *rand.Rand)) func(context.Context, staleness, *testkit.Watches, func()) {
	return func(ctx context.Context, s staleness, watches *testkit.Watches, struck func()) {
		random := randomly(uint64(s.lag))
		pause := func(about time.Duration) bool {
			select {
			case <-ctx.Done():
				return false
			case <-time.After(about/2 + time.Duration(random.Int64N(int64(about)))):
				return true
			}
		}
		for watches.Open() == 0 && pause(10*time.Millisecond) { // the manager has not started
		}
		for n := 0; n < maxDisturbances && pause(min(s.lag, soon)); n++ {
			struck()
			do(watches, random)
			if !pause(s.lag) {
				break
			}
			watches.Thaw()
		}
		watches.Thaw()
	}
}

func stalenesses() (all []staleness) {
	lags := scaled([]time.Duration{500 * time.Millisecond},
		[]time.Duration{100 * time.Millisecond, 300 * time.Millisecond, time.Second, 3 * time.Second, 10 * time.Second, 30 * time.Second})
	for _, lag := range lags {
		if lag > *longestLag {
			continue
		}
		for _, kind := range watched {
			all = append(all,
				staleness{kind, "are late", lag, late},
				staleness{kind, "freeze", lag, again(func(w *testkit.Watches, _ *rand.Rand) { w.Freeze() })},
				staleness{kind, "go back in time", lag, again(func(w *testkit.Watches, r *rand.Rand) { w.Rewind(1 + r.IntN(6)) })},
				staleness{kind, "are dropped", lag, again(func(w *testkit.Watches, _ *rand.Rand) { w.Drop() })})
		}
	}
	return all
}

// Whatever the cache of one kind contains, the story has the same outcome.
func TestStaleCaches(t *testing.T) {
	t.Parallel()
	c := cleanRun(t)
	h := begin(t, "stale, frozen, rewound, dropped watches")
	h.limit = time.Hour
	run := func(s staleness) {
		h.run(s.String(), func(w *world) {
			w.timeout += 10 * s.lag
			w.pollInterval = max(pollInterval, s.lag/20)
			o := w.start()
			ctx, stop := context.WithCancel(w.ctx)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				s.disturb(ctx, s, o.wire.Watches(s.kind), func() { w.injected.Add(1) })
			}()
			defer func() { stop(); <-ended }()
			w.runStory()
			stop()
			<-ended
			if w.faults() == 0 {
				w.fail("nothing was disturbed")
			}
			w.endsLike(c, 0)
		})
	}
	var short, long []staleness
	for _, s := range share(stalenesses(), 5) {
		if s.lag < patient {
			short = append(short, s)
		} else {
			long = append(long, s)
		}
	}
	var both sync.WaitGroup
	slices.Reverse(long) // the longest first
	both.Go(func() { eachOf(5**abreast, long, run) })
	both.Go(func() { each(short, run) })
	both.Wait()
}

// A manager that updates its ledger without a resourceVersion, from an old cache, withdraws a seat that it has granted.
func TestStaleCachesNoticeUnconditionalWrites(t *testing.T) {
	t.Parallel()
	h := mutant(t, "dropped claim 1, which ada has not given back")
	h.run("last write wins", func(w *world) {
		w.options = append(w.options, func(o *managerOptions) { o.wrap = lastWriteWins("seatpools") })
		o := w.start()
		w.create(testkit.Account(testkit.DefaultAccount).Build(), testkit.SeatPool(base).Seats(1).Build())
		w.until("an account", func() string { return story[0].done(w) })
		w.settle()
		o.wire.Watches("seatpools").Freeze()
		claimed := func(name string) func() string {
			return func() string {
				if w.pool(base).Status.Claims[string(w.member(name).UID)] == 0 {
					return name + " has no claim"
				}
				return ""
			}
		}
		w.create(testkit.Member("ada").Build())
		w.until("a seat that the cache does not know of", claimed("ada"))
		w.setState("ada", usherv1.StateDisabled)
		w.create(testkit.Member("bob").Build())
		w.until("the same seat once more", claimed("bob"))
	})
}

// missed is one event that never arrives.
type missed struct {
	kind   string
	number int
}

func (m missed) run(w *world, c clean) {
	w.options = append(w.options, func(o *managerOptions) {
		o.TestHooks.Relist = relist
		o.wire.Watches(m.kind).Lose(m.number)
	})
	o := w.start()
	w.runStory()
	w.endsLike(c, 0)
	if o.wire.Watches(m.kind).Seen() >= m.number {
		w.injected.Add(1)
	}
}

// Every single event is missed once, and listing again repairs the cache.
func TestMissedEvents(t *testing.T) {
	t.Parallel()
	c := cleanRun(t)
	var all []missed
	for _, kind := range watched {
		for i := range c.events[kind] {
			all = append(all, missed{kind, i + 1})
		}
	}
	h := begin(t, "every watch event missed once")
	each(share(all, 6), func(m missed) {
		h.run(fmt.Sprintf("event %d of %s", m.number, m.kind), func(w *world) { m.run(w, c) })
	})
}

// Without listing again, an event that no other follows is missed forever. Only Usher writes to a new member.
func TestMissedEventsNoticeCachesThatAreNeverListedAgain(t *testing.T) {
	t.Parallel()
	c := cleanRun(t)
	h := mutant(t, "the third waits: not within")
	h.run("the event of the third member", func(w *world) {
		w.options = append(w.options, func(o *managerOptions) {
			o.TestHooks.Relist = time.Hour
			w.violated = o.wire.Watches("members").LoseFirst(func(e testkit.Event) bool { return e == testkit.Event{Type: "ADDED", Name: "cat"} })
		})
		w.start()
		w.runStory()
		w.endsLike(c, 0)
	})
}
