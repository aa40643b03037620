// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"time"

	"golang.org/x/time/rate"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// readWait is how long a read waits for its turn at most.
const readWait = 2 * time.Second

// Budget is a client that reads at a bounded rate: visitors of the portal cannot overload the API server, however many they are, which the
// controllers need. Reads wait for their turn; if that takes too long, they fail with ErrBusy.
type Budget struct {
	client.Client
	limiter *rate.Limiter
}

// NewBudget returns a client that reads so many times a second.
func NewBudget(api client.Client, perSecond int) *Budget {
	return &Budget{api, rate.NewLimiter(rate.Limit(perSecond), 2*perSecond)}
}

// Get implements client.Reader.
func (b *Budget) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if err := b.wait(ctx); err != nil {
		return err
	}
	return b.Client.Get(ctx, key, object, options...) //nolint:wrapcheck // it is this client's error
}

// List implements client.Reader.
func (b *Budget) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if err := b.wait(ctx); err != nil {
		return err
	}
	return b.Client.List(ctx, list, options...) //nolint:wrapcheck // it is this client's error
}

func (b *Budget) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	if err := b.limiter.Wait(ctx); err != nil {
		refused.WithLabelValues("read").Inc()
		return ErrBusy
	}
	return nil
}
