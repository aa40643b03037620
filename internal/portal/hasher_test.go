// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/internal/portal"
)

func TestARequestWaitsForASlotToHash(t *testing.T) {
	w := newWorld(t)
	const slots = 2
	w.portal = w.newPortal(func(o *portal.Options) { o.Limits.ConcurrentHashes = slots })
	for range slots {
		w.Expect(portal.SlotsOf(w.portal).Acquire(w.ctx)).To(Succeed())
	}
	impatient, leave := context.WithCancel(w.ctx)
	post := func(ctx context.Context) chan *httptest.ResponseRecorder {
		answered := make(chan *httptest.ResponseRecorder, 1)
		go func() {
			answered <- w.post(w.link(), acceptance(), func(r *http.Request) { *r = *r.WithContext(ctx) })
		}()
		w.Consistently(answered, "200ms").ShouldNot(Receive())
		return answered
	}
	var answer *httptest.ResponseRecorder
	first := post(impatient)
	leave()
	w.Eventually(first, time.Minute).Should(Receive(&answer))
	w.expectPage(answer, http.StatusServiceUnavailable, titleUnavailable)
	w.Expect(answer.Header().Get("Retry-After")).To(Equal("10"), "that of a portal that is busy")
	w.Expect(w.wire.mutations.Load()).To(BeZero())

	patient := post(w.ctx)
	portal.SlotsOf(w.portal).Release()
	w.Eventually(patient, time.Minute).Should(Receive(&answer))
	w.expectDone(answer, titleWaiting)
}
