// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"context"
	"net/http"
	"time"
)

type arrivalKey struct{}

// withArrival remembers when a request came.
func withArrival(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came := time.Now()
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), arrivalKey{}, &came)))
	})
}

// arrived has the request's time count from now: its client took its own time to send the form.
func arrived(r *http.Request) {
	if came, known := r.Context().Value(arrivalKey{}).(*time.Time); known {
		*came = time.Now()
	}
}

// evenOut waits until atLeast has passed since the request came, so that the time until an answer does not tell what was
// found. It is measured by the machine's clock: nobody decides anything by it.
func evenOut(ctx context.Context, atLeast time.Duration) {
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
