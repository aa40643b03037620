// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// beat is the unit in which silence is counted. A machine that is too busy to run this process also leaves beats out, so that a
// client that gets no time to work is not taken for one that has nothing to do.
const beat = 10 * time.Millisecond

var beats atomic.Int64

// heart begins to beat with the first Wire and goes on for as long as the process.
var heart = sync.OnceFunc(func() {
	go func() {
		for range time.Tick(beat) {
			beats.Add(1)
		}
	}()
})

// Given is how much time this process was given since it began to count. Two readings with less between them than by the clock on the
// wall tell of a machine that was too busy to run it.
func Given() time.Duration {
	heart()
	return time.Duration(beats.Load()) * beat
}

// activity is what goes on on a Wire, and when something last did.
type activity struct {
	underWay atomic.Int64
	last     atomic.Int64
}

func (a *activity) stir() { a.last.Store(beats.Load()) }

// begin starts a call, until whose end nothing is quiet; a read leaves no trace, so that what is looked at again and again may
// still be at rest.
func (a *activity) begin(mutating bool) (end func()) {
	a.underWay.Add(1)
	return func() {
		if mutating {
			a.stir()
		}
		a.underWay.Add(-1)
	}
}

// Quiet is for how long no write was under way and no event of a watch was delivered, or 0 while any call is under way.
// Leases do not count. It is counted in time that this process was given, not by the clock on the wall.
func (w *Wire) Quiet() time.Duration {
	if w.activity.underWay.Load() > 0 {
		return 0
	}
	return time.Duration(beats.Load()-w.activity.last.Load()) * beat
}

// Stir begins the silence anew, after something was done that the client is yet to hear of.
func (w *Wire) Stir() { w.activity.stir() }

// Settled is nil once the client's watches have told it of everything that there is in a namespace, and it has been quiet for a
// while since; else it says what it waits for. It takes as long as a watch is late or frozen. Events that were lost count as told.
func (w *Wire) Settled(ctx context.Context, api client.Client, namespace string, silence time.Duration) error {
	if quiet := w.Quiet(); quiet < silence {
		return fmt.Errorf("the client was quiet for only %s, after %s", quiet, w.lastCall())
	}
	for resource, watches := range w.watched() {
		kind, err := api.RESTMapper().KindFor(watches.resource(resource))
		if err != nil {
			return err
		}
		var list metav1.PartialObjectMetadataList
		list.SetGroupVersionKind(kind)
		if err := api.List(ctx, &list, client.InNamespace(namespace)); err != nil {
			return err
		}
		if lacks := watches.lacks(list.Items, namespace); lacks != "" {
			return fmt.Errorf("the client has not been told yet of %s %s", resource, lacks)
		}
	}
	if w.Quiet() < silence {
		return fmt.Errorf("the client is not quiet any more, after %s", w.lastCall())
	}
	return nil
}

func (w *Wire) lastCall() string {
	calls := w.Calls()
	if len(calls) == 0 {
		return "no write"
	}
	return calls[len(calls)-1].String()
}

// watched are the resources that have a stream.
func (w *Wire) watched() map[string]*Watches {
	w.mu.Lock()
	defer w.mu.Unlock()
	open := map[string]*Watches{}
	for resource, watches := range w.watches {
		if watches.Open() > 0 {
			open[resource] = watches
		}
	}
	return open
}

func (w *Watches) resource(name string) schema.GroupVersionResource {
	w.mu.Lock()
	defer w.mu.Unlock()
	return schema.GroupVersionResource{Group: w.group, Resource: name}
}

// told is an object as a client last heard of it.
type told struct{ namespace, name, version string }

// lacks names an object that is not as the client was told; empty if there is none.
func (w *Watches) lacks(now []metav1.PartialObjectMetadata, namespace string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	there := map[string]bool{}
	for i := range now {
		if w.wanted != nil && !w.wanted(now[i].Name) {
			continue
		}
		uid := string(now[i].UID)
		there[uid] = true
		if w.told[uid].version != now[i].ResourceVersion {
			return now[i].Name
		}
	}
	for uid, t := range w.told {
		if t.namespace == namespace && !there[uid] {
			return t.name + ", which is gone"
		}
	}
	return ""
}

// tell notes what a client was told. A new stream that begins with a list replaces what was told before.
func (w *Watches) tell(f frame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f.Type == "DELETED" {
		delete(w.told, f.uid)
		return
	}
	w.told[f.uid] = f.told
}
