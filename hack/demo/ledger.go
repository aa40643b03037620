// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// watchLedgers observes every revision of every ledger in a namespace until stop is called. It reports a ledger with
// more claims than seats, and a watch that breaks.
func watchLedgers(ctx context.Context, c client.WithWatch, namespace string, report func(error)) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	events, err := c.Watch(ctx, &usherv1.SeatPoolList{}, client.InNamespace(namespace))
	if err != nil {
		cancel()
		return nil, fmt.Errorf("watch the seat pools: %w", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for event := range events.ResultChan() {
			if ctx.Err() != nil {
				break // the watch was stopped
			}
			pool, ok := event.Object.(*usherv1.SeatPool)
			if !ok {
				report(fmt.Errorf("the watch of the seat pools failed: %v", event.Object))
			} else if claims, seats := len(pool.Status.Claims), seatsOf(pool); claims > seats {
				report(fmt.Errorf("oversold: revision %s of SeatPool %s has %d claims for %d seats",
					pool.ResourceVersion, pool.Name, claims, seats))
			}
		}
		if ctx.Err() == nil {
			report(errors.New("the watch of the seat pools ended unexpectedly"))
		}
	}()
	return func() {
		cancel()
		events.Stop()
		<-done
	}, nil
}

func seatsOf(pool *usherv1.SeatPool) int {
	if pool.Spec.Seats == nil {
		return 0
	}
	return int(*pool.Spec.Seats)
}
