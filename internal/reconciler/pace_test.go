// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reconciler

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// A key rests in proportion to what its latest reconcile went through, and a change after that does not wait.
func TestAKeyRests(t *testing.T) {
	const least = 20 * time.Millisecond
	for name, tt := range map[string]struct {
		objects    int
		later      time.Duration
		wantsPause time.Duration
	}{
		"nothing":             {0, 0, least},
		"few":                 {50, 0, least},
		"many":                {2500, 0, 500 * time.Millisecond},
		"many, half a moment": {2500, 200 * time.Millisecond, 300 * time.Millisecond},
		"many, rested":        {2500, time.Second, least},
		"too many":            {1_000_000, 0, longestRest},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, key := NewPace(), types.NamespacedName{Namespace: "acme", Name: "acme"}
				p.Went(key, tt.objects)
				time.Sleep(tt.later)
				if pause := p.delay(key, least); pause != tt.wantsPause {
					t.Errorf("rests for %v, want %v", pause, tt.wantsPause)
				}
				if other := p.delay(types.NamespacedName{Namespace: "acme", Name: "b"}, least); other != least {
					t.Errorf("another key rests for %v", other)
				}
				p.Forget(key)
				if len(p.rests) != 0 || p.delay(key, least) != least {
					t.Error("a key that is gone is remembered")
				}
			})
		})
	}
}

// Every change of an object of its own kind wakes a controller with a Pace once: a change of the spec at once, any other one at its pace.
func TestAChangeOfTheOwnKindIsPacedOrNot(t *testing.T) {
	account := func(generation int64, resourceVersion string) *usherv1.Account {
		a := &usherv1.Account{}
		a.Namespace, a.Name, a.UID, a.Generation, a.ResourceVersion = "acme", "acme", "1", generation, resourceVersion
		return a
	}
	for name, tt := range map[string]struct {
		before, after *usherv1.Account
		atOnce        bool
	}{
		"created":        {nil, account(1, "1"), true},
		"deleted":        {account(1, "1"), nil, true},
		"another spec":   {account(1, "1"), account(2, "2"), true},
		"another status": {account(1, "1"), account(1, "2"), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pace := NewPace()
				pace.Went(client.ObjectKeyFromObject(account(1, "")), 5_000)
				c := Controller{For: &usherv1.Account{}, Pace: pace}
				q := newFairQueue(1)
				defer q.ShutDown()
				watches := c.AllWatches()
				own := watches[len(watches)-1].Handler()
				var unpaced bool
				switch {
				case tt.before == nil:
					e := event.CreateEvent{Object: tt.after}
					unpaced = c.Unpaced().Create(e)
					own.Create(context.Background(), e, q)
				case tt.after == nil:
					e := event.DeleteEvent{Object: tt.before}
					unpaced = c.Unpaced().Delete(e)
					own.Delete(context.Background(), e, q)
				default:
					e := event.UpdateEvent{ObjectOld: tt.before, ObjectNew: tt.after}
					unpaced = c.Unpaced().Update(e)
					own.Update(context.Background(), e, q)
				}
				if unpaced != tt.atOnce {
					t.Errorf("at once: %v, want %v", unpaced, tt.atOnce)
				}
				time.Sleep(900 * time.Millisecond)
				synctest.Wait()
				if n := q.Len(); n != 0 {
					t.Errorf("%d keys did not wait", n)
				}
				time.Sleep(200 * time.Millisecond)
				synctest.Wait()
				if n := q.Len(); n == 0 == !tt.atOnce {
					t.Errorf("%d keys after the rest", n)
				}
			})
		})
	}
	if own := (Controller{For: &usherv1.Account{}}); len(own.AllWatches()) != 0 || !own.Unpaced().Update(event.UpdateEvent{
		ObjectOld: account(1, "1"), ObjectNew: account(1, "2"),
	}) {
		t.Error("a controller without a Pace does not hear of all changes at once")
	}
}
