// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// brownOut is how much fails, and how long it may take afterwards until every object has the desired state. The pauses before Usher
// retries a mail or probes a mail server again do not count: the clock is set forward over them.
const (
	brownOutShare = 0.25
	recovery      = time.Minute
)

// While a quarter of all calls and of all mail conversations fail, members are created, accept, are disabled and enabled. No member becomes
// Stalled, and soon afterwards every member has the desired state.
func TestBrownOut(t *testing.T) {
	t.Parallel()
	h := begin(t, "brown-out: API, portal and SMTP")
	h.limit = 10 * time.Minute
	var seeds []uint64
	for i := range scaled(1, 5) {
		seeds = append(seeds, *seed+uint64(i))
	}
	each(seeds, func(s uint64) {
		h.run(fmt.Sprintf("seed %d", s), func(w *world) {
			w.brownOut(s, scaled(8*time.Second, time.Minute), passing, func() bool { return w.op.wire.Struck() >= 20 })
		})
	})
}

// If temporary errors of a mail server are permanent ones, members become Stalled.
func TestBrownOutNoticesStalledMembers(t *testing.T) {
	t.Parallel()
	h := mutant(t, "given up: ")
	h.run("the mail server's errors are permanent", func(w *world) {
		w.brownOut(*seed, time.Second, lasting, func() bool { return w.faults() > 0 })
	})
}

// trouble is the wrong reply of a mail server, and the share of replies that are wrong.
type trouble struct {
	replies []smtpsink.Answer
	share   float64
	// only at this verb; default: at every verb.
	only smtpsink.Verb
}

var (
	// A quarter of all conversations fail: each has about three replies that may be wrong.
	passing = trouble{share: brownOutShare / 3, replies: []smtpsink.Answer{
		smtpsink.Reply(421, "4.3.2 Shutting down"), smtpsink.Reply(451, "4.3.0 Local error"), smtpsink.Reply(452, "4.3.1 Full"), {Drop: true},
	}}
	lasting = trouble{share: 1, only: smtpsink.RCPT, replies: []smtpsink.Answer{smtpsink.Reply(550, "5.1.1 No such user")}}
)

// brownOut lasts for some time, and until enough has failed.
func (w *world) brownOut(seed uint64, lasts time.Duration, mails trouble, enough func() bool) {
	w.start()
	story[0].do(w)
	w.until(story[0].name, func() string { return story[0].done(w) })
	w.scale(base, 6)

	random := rand.New(rand.NewPCG(seed, 1))
	w.op.wire.BrownOut(seed, brownOutShare)
	w.portalWire.BrownOut(seed+1, brownOutShare)
	w.trouble(seed, mails)
	var names []string
	for end := time.Now().Add(lasts); time.Now().Before(end) || !enough(); w.await(nil, lasts/40) {
		switch action := random.IntN(6); {
		case action < 2 && len(names) < 10:
			name := fmt.Sprintf("m%d", len(names))
			w.create(testkit.Member(name).Build())
			names = append(names, name)
		case len(names) == 0:
		case action < 4:
			if name := names[random.IntN(len(names))]; len(w.mailsTo(name)) > 0 {
				w.post(w.link(name), "accept")
			}
		case action < 5:
			w.setState(names[random.IntN(len(names))], usherv1.StateDisabled)
		default:
			w.setState(names[random.IntN(len(names))], usherv1.StateActive)
		}
	}
	w.op.wire.Heal()
	w.portalWire.Heal()
	w.calm()
	w.injected.Add(int64(w.op.wire.Struck() + w.portalWire.Struck()))

	for _, name := range names {
		w.setState(name, usherv1.StateActive)
	}
	nobodyIsGivenUp := func() {
		if stalled := w.history.Stalled(); len(stalled) > 0 {
			w.fail("given up: %v", stalled)
		}
	}
	w.within(recovery, "every member has the desired state", func() string {
		nobodyIsGivenUp()
		return w.unfairOrAccepted()
	})
	w.settle()
	w.halt()
	w.must(w.history.Complete(w.ctx), "complete the history")
	nobodyIsGivenUp()
}

// trouble makes a share of the mail server's replies wrong until calm is called.
func (w *world) trouble(seed uint64, of trouble) {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 2))
	w.setSMTP(func(e smtpsink.Event) smtpsink.Answer {
		mu.Lock()
		defer mu.Unlock()
		if of.only != "" && e.Verb != of.only || random.Float64() > of.share {
			return smtpsink.Answer{}
		}
		w.injected.Add(1)
		return of.replies[random.IntN(len(of.replies))]
	})
}

func (w *world) calm() { w.setSMTP(nil) }

// unfairOrAccepted is like unfair, for members who are invited and may have accepted.
func (w *world) unfairOrAccepted() string {
	pool := w.pool(base)
	claims := pool.Status.Claims
	members := w.members()
	for _, m := range members {
		_, claimed := claims[string(m.UID)]
		reason := conditionReason(m.Status.Conditions)
		wanted := usherv1.ReasonSeatUnavailable
		switch {
		case claimed && m.Status.AcceptedAt != nil:
			wanted = usherv1.ReasonAccepted
		case claimed:
			wanted = usherv1.ReasonAwaitingAcceptance
		}
		if reason != wanted {
			return fmt.Sprintf("%s is %s/%s, not %s", m.Name, m.Status.State, reason, wanted)
		}
	}
	if want := min(len(members), int(*pool.Spec.Seats)); len(claims) != want {
		return fmt.Sprintf("%d claims, not %d", len(claims), want)
	}
	return ""
}
