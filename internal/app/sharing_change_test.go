// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/usher-dev/usher/internal/replica"
	"github.com/usher-dev/usher/internal/shard"
	"github.com/usher-dev/usher/internal/undecodable"
)

// A replica that is told to end while the caches of its next engine are being filled ends these caches, and starts no controllers.
func TestAReplicaThatEndsStartsNoEngine(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	ended := false
	s := &sharing{
		roster: &replica.Roster{}, gate: &replica.Gate{Now: time.Now}, now: time.Now, log: logr.Discard(), changed: make(chan *engine, 1),
		prepare: func(context.Context, shard.Division) (*engine, error) {
			end()
			return &engine{endCaches: func() { ended = true }, registry: undecodable.NewRegistry(logr.Discard())}, nil
		},
	}
	s.changing = true
	s.changed <- s.change(ctx, nil, shard.Among("a"))
	s.leave()
	if s.engine != nil || !ended {
		t.Errorf("engine %v, its caches have ended: %t", s.engine, ended)
	}
}
