// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

const (
	// unusablePause is how long a mail waits for a Secret that cannot be used. The watch wakes it earlier if the Secret is corrected.
	unusablePause = time.Minute
	// busyPause is how long a mail waits for a slot at most. Usually the mail that releases a slot wakes it earlier.
	busyPause = 10 * time.Second
	// recordedPause is when a mail's object is reconciled again after an attempt.
	recordedPause = time.Second
)

// RecordBackoff is how recording an outcome is retried at first: for about 13 seconds.
var RecordBackoff = wait.Backoff{Duration: 50 * time.Millisecond, Factor: 2, Jitter: 0.1, Steps: 9}

// Outbox sends mails.
type Outbox struct {
	// Client reads from the cache and writes to the API server; Live reads from the API server.
	Client client.Client
	Live   client.Reader
	Now    func() time.Time
	// Channel delivers messages.
	Channel channel.Channel
	// Endpoints are the servers that accounts send with.
	Endpoints *Endpoints
	// TenantWording lets accounts without a mail server of their own word the mails that the default Secret's server sends.
	TenantWording bool
	// Backoff is how recording an outcome is retried at first.
	Backoff wait.Backoff
	// NoLeaseExtension turns lease extension off, for a simulation in which no time passes while a mail is sent.
	NoLeaseExtension bool

	wordings wordings
	outcomes outcomes
}

// Record reads and writes what an object, mostly its status, records of the attempts at one mail; see store.Record.
type Record[T client.Object] interface {
	// New returns an empty object.
	New() T
	// Attempt returns the latest attempt.
	Attempt(object T) delivery.Attempt
	// Extend moves the end of the attempt's lease.
	Extend(object T, until time.Time)
	// Conclude records how the attempt ended at a time; a nil failure means that the endpoint accepted the mail.
	Conclude(object T, failure *delivery.Failure, at time.Time)
	// Emit emits the Events of an outcome that was written.
	Emit(claim, concluded T, failure *delivery.Failure)
}

// Counted is what the limits count a mail by.
type Counted struct {
	// ID is unique among all mails.
	ID string
	// Recipient is the address that it goes to.
	Recipient string
	// Urgent: the member asks for the mail and waits for it, so it may go beyond the account's quota, up to a tenth of it.
	Urgent bool
}

// Mail is a mail that a controller wants to send. Send calls Decide, CountedAs, Message and Claim in this order.
type Mail[T client.Object] interface {
	Record[T]
	// Key is the object's key. When a slot is free, Send wakes the object's controller through Wakeups.
	Key() types.NamespacedName
	Wakeups() *reconciler.Wakeups
	// Account returns the account whose endpoint sends the mail.
	Account() *usherv1.Account
	// Decide reads live what the mail depends on and decides again. If the mail is not due any more, Decide writes the status that
	// applies instead, and its result is that of the reconcile.
	Decide(ctx context.Context) (due bool, result ctrl.Result, err error)
	// CountedAs returns what the limits count the mail by.
	CountedAs() Counted
	// Wait writes to the status that a rate limit holds the mail.
	Wait(ctx context.Context, hold delivery.Hold) (ctrl.Result, error)
	// Message returns the message, and adds its Message-ID to the claim.
	Message(ctx context.Context, endpoint channel.Endpoint) (message.Message, error)
	// Claim returns the object with the attempt's claim in its status.
	Claim() T
}

// Send makes one attempt at a mail; see the package documentation.
func Send[T client.Object](ctx context.Context, o *Outbox, m Mail[T]) (ctrl.Result, error) {
	lane, usable, err := o.Endpoints.lane(ctx, m.Account())
	if err != nil {
		return ctrl.Result{}, err
	}
	if !usable {
		return o.unusable(ctx, m.Account()), nil
	}
	release, free := o.Endpoints.slots.acquire(lane, waiter{m.Wakeups(), m.Key()}, o.Now())
	if !free {
		return ctrl.Result{RequeueAfter: busyPause}, nil
	}
	defer func() { release(o.Now()) }()
	due, result, err := m.Decide(ctx)
	if err != nil || !due {
		return result, err
	}
	endpoint, usable, err := o.Endpoints.current(ctx, o.Client, m.Account())
	if err != nil {
		return ctrl.Result{}, err
	}
	if !usable {
		return o.unusable(ctx, m.Account()), nil
	}
	counted := m.CountedAs()
	if !o.Endpoints.admits(m.Account(), counted.ID, o.Now()) {
		o.Endpoints.Await(m.Account(), counted.ID, m.Wakeups(), m.Key(), o.Now())
		return ctrl.Result{RequeueAfter: unusablePause}, nil
	}
	cancel, hold, err := o.Endpoints.reserve(ctx, o.Client, m.Account(), endpoint, counted, o.Now())
	if err != nil {
		return ctrl.Result{}, err
	}
	if hold != nil {
		return m.Wait(ctx, *hold)
	}
	sent, result, err := attempt(ctx, o, m, endpoint)
	if !sent {
		cancel()
	}
	return result, err
}

// unusable asks for a probe of an endpoint that cannot be used; the account's condition MailReady says what is wrong with it.
func (o *Outbox) unusable(ctx context.Context, account *usherv1.Account) ctrl.Result {
	log.FromContext(ctx).V(1).Info("no usable mail server", "account", account.Name)
	o.Endpoints.Suspect(account)
	return ctrl.Result{RequeueAfter: unusablePause}
}

// attempt claims, sends and records. It reports whether the mail was sent, or may have been.
func attempt[T client.Object](
	ctx context.Context, o *Outbox, m Mail[T], endpoint channel.Endpoint,
) (sent bool, result ctrl.Result, err error) {
	what, err := m.Message(ctx, endpoint)
	if err != nil {
		return false, ctrl.Result{}, err
	}
	claim := m.Claim()
	if err := store.Record(ctx, o.Client, claim); err != nil {
		return false, ctrl.Result{}, err
	}
	if a := m.Attempt(claim); a.TooLate(o.Now()) {
		return false, ctrl.Result{RequeueAfter: max(a.LeaseEnd.Sub(o.Now()), time.Millisecond)}, nil
	}
	// The attempt is this sender's now. A manager that is told to stop finishes it.
	ctx = context.WithoutCancel(ctx)
	defer o.outcomes.begin()()
	sending, hangUp := context.WithTimeout(ctx, delivery.SendTimeout)
	defer hangUp()
	stop := keepLease(ctx, o, m, claim, hangUp)
	counted := m.CountedAs()
	o.Endpoints.begin(m.Account(), counted.ID, o.Now())
	failed := o.Channel.Send(sending, endpoint, what)
	claim = stop()
	failure, ended := o.Endpoints.conclude(attempted{
		account: m.Account(), id: counted.ID, recipient: counted.Recipient, before: m.Attempt(claim).Before, err: failed,
	}, o.Now()), o.Now()
	again := o.Backoff
	again.Steps = min(again.Steps, againSteps)
	if record(ctx, o, m, claim, failure, ended, o.Backoff) != nil {
		o.outcomes.keep(waiter{m.Wakeups(), m.Key()}, func(ctx context.Context) error {
			return record(ctx, o, m, claim, failure, ended, again)
		})
		return wentOut(failed), ctrl.Result{RequeueAfter: time.Millisecond}, nil
	}
	return wentOut(failed), ctrl.Result{RequeueAfter: recordedPause}, nil
}

// record writes how an attempt ended. If another client wrote in between, record writes on top of that, unless the attempt is no
// longer the current one.
func record[T client.Object](
	ctx context.Context, o *Outbox, m Mail[T], claim T, failure *delivery.Failure, ended time.Time, backoff wait.Backoff,
) error {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	current, known := claim.DeepCopyObject().(T), true
	err := retry.OnError(backoff, func(error) bool { return ctx.Err() == nil }, func() error {
		if !known {
			current = m.New()
			found, err := store.Get(ctx, o.Live, claim.GetNamespace(), claim.GetName(), current)
			if err != nil {
				return err
			}
			if !found || !sameAttempt(m, current, claim) {
				return nil
			}
		}
		known = false
		m.Conclude(current, failure, ended)
		if err := store.Record(ctx, o.Client, current); err != nil {
			return err
		}
		m.Emit(claim, current, failure)
		return nil
	})
	if err != nil {
		return fmt.Errorf("record the outcome of an attempt to send: %w", err)
	}
	return nil
}

// failureOf returns what a channel's error means for the next attempt. An error that does not come from the channel is Usher's own
// and counts as temporary.
func failureOf(err error) *delivery.Failure {
	var refused *channel.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return &delivery.Failure{Class: refused.Class, Code: refused.Code, Greylisted: refused.Greylisted}
	}
	return &delivery.Failure{Class: usherv1.ErrorTemporary, Code: "internal"}
}

// wentOut reports whether a mail whose attempt ended with err was accepted by the endpoint, or may have been.
func wentOut(err error) bool {
	var failed *channel.Error
	return err == nil || errors.As(err, &failed) && failed.InDoubt
}
