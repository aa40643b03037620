// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// ledgerWatch sees every revision of every ledger in a namespace.
type ledgerWatch struct {
	events watch.Interface
	done   chan struct{}
}

// watchLedgers calls oversold with what it saw when more seats are claimed than there are, and when it cannot see any more.
func watchLedgers(ctx context.Context, c client.WithWatch, namespace string, oversold func(error)) (*ledgerWatch, error) {
	events, err := c.Watch(ctx, &usherv1.SeatPoolList{}, client.InNamespace(namespace))
	if err != nil {
		return nil, fmt.Errorf("watch the seat pools: %w", err)
	}
	w := &ledgerWatch{events: events, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for event := range events.ResultChan() {
			switch pool := event.Object.(type) {
			case *usherv1.SeatPool:
				if claims, seats := len(pool.Status.Claims), seatsOf(pool); claims > seats {
					oversold(fmt.Errorf("oversold: revision %s of SeatPool %s has %d claims for %d seats",
						pool.ResourceVersion, pool.Name, claims, seats))
				}
			default:
				oversold(fmt.Errorf("the watch of the seat pools broke: %v", event.Object))
			}
		}
		if ctx.Err() == nil {
			oversold(fmt.Errorf("the watch of the seat pools ended early"))
		}
	}()
	return w, nil
}

// stop ends the watch, whose context must have ended already.
func (w *ledgerWatch) stop() {
	w.events.Stop()
	<-w.done
}

func seatsOf(pool *usherv1.SeatPool) int {
	if pool.Spec.Seats == nil {
		return 0
	}
	return int(*pool.Spec.Seats)
}
