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
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), arrivalKey{}, time.Now())))
	})
}

// evenOut waits until evenTime has passed since the request came, so that the time until an answer does not tell what was
// found. It is measured by the machine's clock: nobody decides anything by it.
func (p *Portal) evenOut(ctx context.Context) {
	came, known := ctx.Value(arrivalKey{}).(time.Time)
	if !known {
		return
	}
	timer := time.NewTimer(p.evenTime - time.Since(came))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
