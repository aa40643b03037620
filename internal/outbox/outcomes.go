// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/usher-dev/usher/internal/reconciler"
)

const (
	// recordTimeout bounds the first tries to record an outcome, even while the manager stops.
	recordTimeout = 15 * time.Second
	// recordAgain is when an outcome that could not be recorded is tried again, and againTimeout and againSteps bound that.
	recordAgain  = 5 * time.Second
	againTimeout = 5 * time.Second
	againSteps   = 3
	// finishEvery is how often Finish tries.
	finishEvery = 500 * time.Millisecond
)

// outcomes are the attempts of this process that the API server does not know the outcome of yet. The zero value has none.
//
// An outcome is recorded on top of the object as it is then, with its resourceVersion, and only while the object still records this very
// attempt. So it does no harm, however late: if another sender has taken the attempt over after the end of the lease, nothing is written.
// Until the outcome is recorded, this process sends nothing else for the object.
type outcomes struct {
	mu sync.Mutex
	// open counts the attempts that are under way.
	open int
	// unrecorded record the outcomes that could not be recorded at once, by the objects.
	unrecorded map[waiter]func(context.Context) error
}

// begin counts an attempt; call end when its outcome is recorded or kept.
func (c *outcomes) begin() (end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.open--
	}
}

func (c *outcomes) keep(of waiter, record func(context.Context) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unrecorded == nil {
		c.unrecorded = map[waiter]func(context.Context) error{}
	}
	c.unrecorded[of] = record
}

// kept returns what records the outcome of an attempt of an object; nil if there is none.
func (c *outcomes) kept(of waiter) func(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unrecorded[of]
}

func (c *outcomes) forget(of waiter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.unrecorded, of)
}

// left returns the objects with an outcome that is not recorded, and how many attempts are under way.
func (c *outcomes) left() (unrecorded []waiter, open int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for of := range c.unrecorded {
		unrecorded = append(unrecorded, of)
	}
	return unrecorded, c.open
}

// Settle records the outcome of an earlier attempt for an object, if there is one that could not be recorded. Controllers call it before
// they reconcile the object. If settled is false, that failed again: nothing else may be done, and result says when to try again.
func (o *Outbox) Settle(ctx context.Context, wakeups *reconciler.Wakeups, key types.NamespacedName) (result ctrl.Result, settled bool) {
	if err := o.outcomes.settle(context.WithoutCancel(ctx), waiter{wakeups, key}); err != nil {
		log.FromContext(ctx).Error(err, "the outcome of a mail is known and not recorded yet; trying again", "pause", recordAgain)
		return ctrl.Result{RequeueAfter: recordAgain}, false
	}
	return ctrl.Result{}, true
}

// settle records the outcome that is kept for an object, if there is one.
func (c *outcomes) settle(ctx context.Context, of waiter) error {
	record := c.kept(of)
	if record == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, againTimeout)
	defer cancel()
	if err := record(ctx); err != nil {
		return err
	}
	c.forget(of)
	return nil
}

// Finish waits until the attempts that are under way have ended and all outcomes are recorded, or ctx is done. The manager calls it when
// its controllers have stopped: what the process knows of its mails would be lost with it.
func (o *Outbox) Finish(ctx context.Context) {
	ticks := time.NewTicker(finishEvery)
	defer ticks.Stop()
	for {
		unrecorded, open := o.outcomes.left()
		for _, of := range unrecorded {
			if o.outcomes.settle(ctx, of) != nil {
				open++
			}
		}
		if open == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}
