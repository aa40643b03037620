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

// beat is the unit in which idle time is counted. A machine that is too busy to run this process also misses beats, so that a client
// that gets no processor time does not count as idle.
const beat = 10 * time.Millisecond

var beats atomic.Int64

// heart starts the beats with the first Wire, until the end of the process.
var heart = sync.OnceFunc(func() {
	go func() {
		for range time.Tick(beat) {
			beats.Add(1)
		}
	}()
})

// Given returns how much time this process has had since the beats started. If the difference of two readings is less than by the wall
// clock, the machine was too busy to run the process.
func Given() time.Duration {
	heart()
	return time.Duration(beats.Load()) * beat
}

// activity counts the running calls of a Wire, and has the time of the last activity.
type activity struct {
	underWay atomic.Int64
	last     atomic.Int64
}

func (a *activity) stir() { a.last.Store(beats.Load()) }

// begin starts a call; the Wire is not quiet until it ends. Reads do not restart the idle time, so that a client that only polls can
// be quiet.
func (a *activity) begin(mutating bool) (end func()) {
	a.underWay.Add(1)
	return func() {
		if mutating {
			a.stir()
		}
		a.underWay.Add(-1)
	}
}

// Quiet returns for how long there has been no write and no watch event; 0 while any call is running. Leases do not count. The time is
// that of Given, not of the wall clock.
func (w *Wire) Quiet() time.Duration {
	if w.activity.underWay.Load() > 0 {
		return 0
	}
	return time.Duration(beats.Load()-w.activity.last.Load()) * beat
}

// Stir restarts the idle time, after a change that the client has yet to receive.
func (w *Wire) Stir() { w.activity.stir() }

// Settled returns nil once the client's watches have delivered the current state of a namespace and the client has been quiet for a
// while since. Otherwise, its error says what it waits for. It waits for late and frozen watches. Lost events count as delivered.
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
			return fmt.Errorf("the client has yet to receive %s %s", resource, lacks)
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

// watched returns the resources that have a stream.
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

// told is the last state of an object that a client received.
type told struct{ namespace, name, version string }

// lacks returns an object whose current state the client has not received; empty if there is none.
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

// tell records what a client received. A new stream that starts with a list replaces earlier records.
func (w *Watches) tell(f frame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f.Type == "DELETED" {
		delete(w.told, f.uid)
		return
	}
	w.told[f.uid] = f.told
}
