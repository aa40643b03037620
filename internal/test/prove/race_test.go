// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// race has 16 writers that create Members for one pool concurrently, while two managers without leader election work on it.
type race struct {
	seed           uint64
	seats, members int
}

const writers = 16

func (r race) String() string {
	return fmt.Sprintf("%d members for %d seats, seed %d", r.members, r.seats, r.seed)
}

// Two managers without leader election never sell a seat twice, at any revision.
func TestLedgerRace(t *testing.T) {
	t.Parallel()
	h := begin(t, "ledger race")
	h.limit = time.Hour
	size := scaled(race{seats: 12, members: 120}, race{seats: *raceSeats, members: *raceMembers})
	seeds := make([]uint64, scaled(2, *raceSeeds))
	for i := range seeds {
		seeds[i] = *seed + uint64(i)
	}
	eachOf(scaled(1, *raceAbreast), seeds, func(seed uint64) {
		r := size
		r.seed = seed
		h.run(r.String(), func(w *world) {
			w.startAnother()
			w.startAnother()
			r.run(w)
		})
	})
	h.run("200 members for 1 seat", func(w *world) {
		w.startAnother()
		w.startAnother()
		race{seed: *seed, seats: 1, members: scaled(60, 200)}.run(w)
	})
}

// Two managers that update the ledger without a resourceVersion sell seats twice. Their caches are late, so that this happens.
func TestLedgerRaceNoticesUnconditionalWrites(t *testing.T) {
	t.Parallel()
	h := mutant(t, "SeatPool "+base)
	broken := func(pools, members time.Duration) func(*managerOptions) {
		return func(o *managerOptions) {
			o.wrap = lastWriteWins("seatpools")
			o.wire.Watches("seatpools").Delay(pools)
			o.wire.Watches("members").Delay(members)
		}
	}
	h.search(15, "last write wins", func(w *world, try uint64) {
		w.timeout = 20 * time.Second
		w.startAnother(broken(2*time.Second, 0))
		w.startAnother(broken(100*time.Millisecond, time.Second))
		race{seed: *seed + try, seats: 20, members: 100}.run(w)
	})
}

func (r race) run(w *world) {
	w.timeout = max(w.timeout, time.Duration(r.members)*time.Second/4)
	w.create(testkit.Account(testkit.DefaultAccount).Build(), testkit.SeatPool(base).Seats(int32(r.seats)).Build())
	var writing sync.WaitGroup
	var failure atomic.Pointer[error]
	for i := range writers {
		writing.Go(func() {
			if err := r.write(w, i); err != nil {
				failure.Store(&err)
			}
		})
	}
	writing.Wait()
	if err := failure.Load(); err != nil {
		w.fail("a writer: %v", *err)
	}
	w.scale(base, int32(r.seats))
	w.until("every seat is granted", func() string { return w.unfair() })
	w.settle()
	if wrong := w.unfair(); wrong != "" {
		w.fail("it did not last: %s", wrong)
	}
}

// write creates one writer's share of the members, and changes them as the seed determines. The first writer also changes the number
// of seats.
func (r race) write(w *world, number int) error {
	random := rand.New(rand.NewPCG(r.seed, uint64(number)))
	mine := r.members / writers
	if number < r.members%writers {
		mine++
	}
	var names []string
	for made := 0; made < mine || len(names) > 0 && random.IntN(mine/2+2) > 0; {
		if made < mine && random.IntN(3) > 0 || len(names) == 0 {
			if made == mine {
				return nil
			}
			name := fmt.Sprintf("m%02d-%04d", number, made)
			made++
			builder := testkit.Member(name).In(w.namespace)
			if random.IntN(10) > 0 {
				builder.Immediate()
			}
			err := w.api.Create(w.ctx, builder.Build())
			if unanswered(err) {
				err = w.api.Create(w.ctx, builder.Build())
			}
			if err != nil && !apierrors.IsAlreadyExists(err) {
				return err
			}
			names = append(names, name)
			continue
		}
		i := random.IntN(len(names))
		member := testkit.Member(names[i])
		var err error
		switch action := random.IntN(10); {
		case action < 4:
			err = tryEdit(w, member.Build(), func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled })
		case action < 8:
			err = tryEdit(w, member.Build(), func(m *usherv1.Member) { m.Spec.State = usherv1.StateActive })
		case action < 9:
			err = w.api.Delete(w.ctx, member.In(w.namespace).Build())
			names = append(names[:i], names[i+1:]...)
		case number == 0:
			seats := int32(r.seats/2 + random.IntN(r.seats/2+1))
			err = tryEdit(w, testkit.SeatPool(base).Build(), func(p *usherv1.SeatPool) { p.Spec.Seats = &seats })
		}
		if err != nil && !apierrors.IsConflict(err) && !unanswered(err) {
			return err
		}
	}
	return nil
}

// unanswered reports whether a call got no response, as when the machine stalls. The history has the effect of the call.
func unanswered(err error) bool {
	var answer apierrors.APIStatus
	return err != nil && !errors.As(err, &answer)
}

// unfair returns what is wrong with the assignment of seats, once nothing changes any more.
func (w *world) unfair() string {
	members, pools := w.history.Latest()
	if len(pools) != 1 {
		return fmt.Sprintf("%d pools", len(pools))
	}
	pool := pools[0]
	want, leaving := 0, 0
	known := map[string]bool{}
	for _, m := range members {
		uid := string(m.UID)
		_, claimed := pool.Status.Claims[uid]
		switch {
		case m.DeletionTimestamp != nil:
			leaving++
			continue
		case m.Spec.State == usherv1.StateDisabled:
			if claimed || m.Status.State != usherv1.ObservedDisabled {
				return fmt.Sprintf("%s should be Disabled; state %s, claim: %t", m.Name, m.Status.State, claimed)
			}
			continue
		}
		known[uid] = true
		want++
		reason := conditionReason(m.Status.Conditions)
		switch {
		case claimed && m.Spec.Activation == usherv1.ActivateImmediately && m.Status.State != usherv1.ObservedActive,
			claimed && m.Spec.Activation != usherv1.ActivateImmediately && reason != usherv1.ReasonAwaitingAcceptance:
			return fmt.Sprintf("%s has a claim and is %s/%s", m.Name, m.Status.State, reason)
		case !claimed && reason != usherv1.ReasonSeatUnavailable:
			return fmt.Sprintf("%s has no claim and is %s/%s", m.Name, m.Status.State, reason)
		}
	}
	for uid := range pool.Status.Claims {
		if !known[uid] {
			return "a claim has leaked"
		}
	}
	seats := int(*pool.Spec.Seats)
	if len(pool.Status.Claims) != min(want, seats) || leaving > 0 {
		return fmt.Sprintf("%d claims, %d seats, %d members want one, %d are being deleted", len(pool.Status.Claims), seats, want, leaving)
	}
	return ""
}
