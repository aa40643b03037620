// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reconciler

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/undecodable"
)

// Controller is a reconciler with all that wakes it.
type Controller struct {
	// Name of the controller, in logs and metrics.
	Name string
	// For is the kind that it reconciles; nil if its keys name no object of one kind.
	For client.Object
	// Concerns reports whether there may be something to do for an object of that kind; nil if there may be for each. A change wakes the
	// controller if it concerns the object before or after it. Whatever else is to be done for an object wakes it in another way.
	Concerns func(client.Object) bool
	// Watches are the other kinds whose changes wake it.
	Watches []Watch
	// AccountOf returns the name of the account that a key belongs to, empty if it is not known: accounts take turns. If it is nil, each key
	// is taken for an account's.
	AccountOf func(key reconcile.Request) string
	// Wakeups wake it from within the process; nil if nothing does.
	Wakeups *Wakeups
	// Everywhere reports whether each of the replicas that share the namespaces reconciles a key; nil if none is: one replica does, to
	// which the key's namespace belongs.
	Everywhere func(key reconcile.Request) bool
	// Workers is how many keys of one namespace it reconciles at once. It has workers for Shares namespaces.
	Workers int
	// Pace keeps reconciles apart that go through many objects; nil if none does.
	Pace *Pace
	reconcile.Reconciler
}

// A change whose keys could not be found is mapped again after mapAgain, which doubles up to mapAgainAtMost.
const (
	mapAgain       = time.Second
	mapAgainAtMost = time.Minute
)

// Mapping returns the keys to reconcile because an object changed. before is nil if the object is new, after if it is gone. After an
// error, the change is mapped again: no other event might come that wakes its keys. If an object that has to be read for it cannot be
// decoded, it is not: the correction of that object brings an event of its own.
type Mapping func(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error)

// Watch is a kind whose changes wake a controller, besides the kind that it reconciles.
type Watch struct {
	Object client.Object
	Map    Mapping
	// Delay collects a burst of events into one reconcile. With a Pace, it is the shortest delay.
	Delay time.Duration
	Pace  *Pace
	// Urgency of the keys.
	Urgency Urgency
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// add adds a key to a controller's queue, with the watch's urgency if it has one: a test's queue may know none.
func (w Watch) add(q queue, key reconcile.Request) {
	delay := w.Pace.delay(key.NamespacedName, w.Delay)
	if urgent, ok := q.(priorityqueue.PriorityQueue[reconcile.Request]); ok && w.Urgency != Usual {
		urgent.AddWithOpts(priorityqueue.AddOpts{Priority: ptr.To(int(w.Urgency)), After: delay}, key)
		return
	}
	q.AddAfter(key, delay)
}

// Handler returns the event handler of a watch.
func (w Watch) Handler() handler.EventHandler {
	var addAfter func(ctx context.Context, q queue, before, after client.Object, pause time.Duration)
	addAfter = func(ctx context.Context, q queue, before, after client.Object, pause time.Duration) {
		keys, err := w.Map(ctx, before, after)
		for _, key := range keys {
			w.add(q, reconcile.Request{NamespacedName: key})
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		object, final := Present(before, after), undecodable.Ignore(err) == nil
		log.FromContext(ctx).Error(err, "cannot find out what a change concerns", "namespace", object.GetNamespace(),
			"name", object.GetName(), "triesAgain", !final)
		if !final {
			time.AfterFunc(pause, func() { addAfter(ctx, q, before, after, min(2*pause, mapAgainAtMost)) })
		}
	}
	add := func(ctx context.Context, q queue, before, after client.Object) {
		addAfter(ctx, q, before, after, mapAgain)
	}
	return handler.Funcs{
		CreateFunc:  func(ctx context.Context, e event.CreateEvent, q queue) { add(ctx, q, nil, e.Object) },
		UpdateFunc:  func(ctx context.Context, e event.UpdateEvent, q queue) { add(ctx, q, e.ObjectOld, e.ObjectNew) },
		DeleteFunc:  func(ctx context.Context, e event.DeleteEvent, q queue) { add(ctx, q, e.Object, nil) },
		GenericFunc: func(ctx context.Context, e event.GenericEvent, q queue) { add(ctx, q, nil, e.Object) },
	}
}

// ConcernedBy reports whether a change of an object of the kind that c reconciles wakes it. before is nil if the object is new, after if it
// is gone.
func (c Controller) ConcernedBy(before, after client.Object) bool {
	return c.Concerns == nil || before != nil && c.Concerns(before) || after != nil && c.Concerns(after)
}

// Predicate returns ConcernedBy as a predicate.
func (c Controller) Predicate() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(e event.CreateEvent) bool { return c.ConcernedBy(nil, e.Object) },
		UpdateFunc:  func(e event.UpdateEvent) bool { return c.ConcernedBy(e.ObjectOld, e.ObjectNew) },
		DeleteFunc:  func(e event.DeleteEvent) bool { return c.ConcernedBy(e.Object, nil) },
		GenericFunc: func(e event.GenericEvent) bool { return c.ConcernedBy(nil, e.Object) },
	}
}

// Present returns the object after a change, or before it if the object is gone.
func Present(before, after client.Object) client.Object {
	if after != nil {
		return after
	}
	return before
}

// Respecified reports whether an object was created, deleted, marked for deletion, replaced or given another spec, or whether it can be
// decoded now, or no longer. Every other change is one of its status or metadata.
func Respecified(before, after client.Object) bool {
	return before == nil || after == nil || before.GetUID() != after.GetUID() ||
		before.GetGeneration() != after.GetGeneration() ||
		(undecodable.Of(before) == nil) != (undecodable.Of(after) == nil) ||
		(before.GetDeletionTimestamp() == nil) != (after.GetDeletionTimestamp() == nil)
}

// MailReadyChanged reports whether an Account's MailReady condition says something else than before the change: members report its
// reason and its message. Neither object is nil.
func MailReadyChanged(before, after client.Object) bool {
	was := meta.FindStatusCondition(before.(*usherv1.Account).Status.Conditions, usherv1.ConditionMailReady)
	is := meta.FindStatusCondition(after.(*usherv1.Account).Status.Conditions, usherv1.ConditionMailReady)
	if was == nil || is == nil {
		return was != is
	}
	return was.Status != is.Status || was.Reason != is.Reason || was.Message != is.Message
}
