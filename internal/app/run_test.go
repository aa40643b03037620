// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

type stops struct{ err error }

func (s stops) Start(ctx context.Context) error {
	if s.err == nil {
		<-ctx.Done()
	}
	return s.err
}

type finishes struct{ given time.Duration }

func (f *finishes) Finish(ctx context.Context) {
	began := time.Now()
	<-ctx.Done()
	f.given = time.Since(began)
}

// A manager that cannot reach the API server any more has a minute to record what it knows of its mails, and one that is told to stop a
// few seconds; whatever happens, it ends.
func TestRunFinishesMails(t *testing.T) {
	lost := errors.New("leader election lost")
	for name, tt := range map[string]struct {
		err error
		// stopAt is when the manager is told to stop.
		stopAt, given time.Duration
	}{
		"no leader any more":               {err: lost, stopAt: time.Hour, given: finishTimeout},
		"no leader any more, then stopped": {err: lost, stopAt: 20 * time.Second, given: 20 * time.Second},
		"told to stop":                     {stopAt: time.Second, given: lastTry},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				time.AfterFunc(tt.stopAt, cancel)
				f := &finishes{}
				if err := run(ctx, stops{tt.err}, f); !errors.Is(err, tt.err) {
					t.Errorf("returns %v", err)
				}
				if f.given != tt.given {
					t.Errorf("the mails are given %s, want %s", f.given, tt.given)
				}
			})
		})
	}
}
