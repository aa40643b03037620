// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reconciler

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

const (
	// restPerObject is how long a key rests for each object that its reconcile went through. Going through one takes a few microseconds, so
	// a few hundredths of a processor go through the objects of a key, however many those are.
	restPerObject = 200 * time.Microsecond
	// longestRest is how long a key rests at most.
	longestRest = 2 * time.Second
	// shortestRest is the rest that is remembered: a key that goes through few objects costs no memory.
	shortestRest = 10 * time.Millisecond
)

// Pace keeps the reconciles of keys apart that go through many objects, such as all members of an account: a change of one of 10,000
// members would cost as much as a change of all. A key rests in proportion to the number of objects that its latest reconcile went
// through; what changes meanwhile is collected. A change that comes after the rest does not wait. It is safe for concurrent use.
type Pace struct {
	mu    sync.Mutex
	rests map[types.NamespacedName]time.Time
}

// NewPace returns a Pace that knows no key.
func NewPace() *Pace { return &Pace{rests: map[types.NamespacedName]time.Time{}} }

// Went says that a reconcile of a key goes through that many objects, now.
func (p *Pace) Went(key types.NamespacedName, objects int) {
	rest := min(time.Duration(objects)*restPerObject, longestRest)
	p.mu.Lock()
	defer p.mu.Unlock()
	if rest < shortestRest {
		delete(p.rests, key)
		return
	}
	p.rests[key] = time.Now().Add(rest)
}

// Forget says that there is nothing to go through for a key any more.
func (p *Pace) Forget(key types.NamespacedName) { p.Went(key, 0) }

// delay returns for how long a key still rests, but not less than least.
func (p *Pace) delay(key types.NamespacedName, least time.Duration) time.Duration {
	if p == nil {
		return least
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(least, time.Until(p.rests[key]))
}

// statusOnly is what changed nothing but an object's status or metadata. A controller that writes the status of what it reconciles hears
// of each of its own writes.
var statusOnly = predicate.Funcs{
	CreateFunc:  func(event.CreateEvent) bool { return false },
	UpdateFunc:  func(e event.UpdateEvent) bool { return !Respecified(e.ObjectOld, e.ObjectNew) },
	DeleteFunc:  func(event.DeleteEvent) bool { return false },
	GenericFunc: func(event.GenericEvent) bool { return false },
}

// Unpaced returns the changes of its own kind for which a controller reconciles an object at once: all, or those of its spec if it has a
// Pace.
func (c Controller) Unpaced() predicate.Predicate {
	if c.Pace == nil {
		return predicate.Funcs{}
	}
	return predicate.Not(statusOnly)
}

// AllWatches returns the controller's watches, with one for the other changes of its own kind.
func (c Controller) AllWatches() []Watch {
	if c.Pace == nil {
		return c.Watches
	}
	own := Watch{Object: c.For, Pace: c.Pace, Map: func(_ context.Context, before, after client.Object) ([]types.NamespacedName, error) {
		if before == nil || after == nil || Respecified(before, after) {
			return nil, nil
		}
		return []types.NamespacedName{client.ObjectKeyFromObject(after)}, nil
	}}
	return append(slices.Clone(c.Watches), own)
}
