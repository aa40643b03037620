// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/internal/portal/web"
)

func TestHashingIsDoneInTurn(t *testing.T) {
	w := newWorld(t)
	v, err := w.portal.look(w.ctx, link{w.invitation.Namespace, w.invitation.Name, w.token()})
	w.Expect(err).NotTo(HaveOccurred())
	const slots = 2
	w.portal = w.newPortal(func(o *Options) { o.Limits.ConcurrentHashes = slots })
	for range slots {
		w.Expect(w.portal.hasher.Slots.Acquire(w.ctx)).To(Succeed())
	}
	impatient, leave := context.WithCancel(w.ctx)
	leave()
	_, err = w.portal.accept(impatient, v, answers{password: goodPassword})
	w.Expect(err).To(MatchError(web.ErrBusy))
	w.Expect(w.wire.mutations.Load()).To(BeZero())

	patient := make(chan *httptest.ResponseRecorder, 1)
	go func() { patient <- w.post(w.link(), acceptance()) }()
	w.Consistently(patient, "200ms").ShouldNot(Receive())
	w.portal.hasher.Slots.Release()
	var answer *httptest.ResponseRecorder
	w.Eventually(patient, time.Minute).Should(Receive(&answer))
	w.expectDone(answer, titleWaiting)
}

func TestWhoGetsNoTurnIsAskedToComeBack(t *testing.T) {
	w := newWorld(t)
	answer := httptest.NewRecorder()
	w.portal.fail(answer, httptest.NewRequest(http.MethodPost, "/", nil), web.ErrBusy)
	w.expectPage(answer, http.StatusServiceUnavailable, titleUnavailable)
	w.Expect(answer.Header().Get("Retry-After")).To(Equal("10"))
}
