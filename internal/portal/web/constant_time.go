// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"net/http"
	"time"
)

type arrivalKey struct{}

// WithArrival records when a request arrived.
func WithArrival(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came := time.Now()
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), arrivalKey{}, &came)))
	})
}

// restartTimer counts the request's time from now on: how long a client takes to send its form is not ours to even out.
func restartTimer(r *http.Request) {
	if came, known := r.Context().Value(arrivalKey{}).(*time.Time); known {
		*came = time.Now()
	}
}

// AtLeast waits until atLeast has passed since the request arrived, so that the time until an answer does not reveal what was
// found. It uses the machine's clock: no decision depends on it.
func AtLeast(ctx context.Context, atLeast time.Duration) {
	came, known := ctx.Value(arrivalKey{}).(*time.Time)
	if !known {
		return
	}
	timer := time.NewTimer(atLeast - time.Since(*came))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
