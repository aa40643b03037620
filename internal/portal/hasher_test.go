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
)

func TestHashingIsDoneInTurn(t *testing.T) {
	w := newWorld(t)
	v, err := w.portal.look(w.ctx, link{w.invitation.Namespace, w.invitation.Name, w.token()})
	w.Expect(err).NotTo(HaveOccurred())
	for range cap(w.portal.hasher.turns.slots) {
		w.portal.hasher.turns.slots <- struct{}{}
	}
	impatient, leave := context.WithCancel(w.ctx)
	leave()
	_, err = w.portal.accept(impatient, v, answers{password: goodPassword})
	w.Expect(err).To(MatchError(errBusy))
	w.Expect(w.wire.mutations.Load()).To(BeZero())

	patient := make(chan *httptest.ResponseRecorder, 1)
	go func() { patient <- w.post(w.link(), acceptance()) }()
	w.Consistently(patient, "200ms").ShouldNot(Receive())
	w.portal.hasher.turns.leave()
	var answer *httptest.ResponseRecorder
	w.Eventually(patient, time.Minute).Should(Receive(&answer))
	w.expectDone(answer, titleWaiting)
}

func TestWhoGetsNoTurnIsAskedToComeBack(t *testing.T) {
	w := newWorld(t)
	answer := httptest.NewRecorder()
	w.portal.fail(answer, httptest.NewRequest(http.MethodPost, "/", nil), errBusy)
	w.expectPage(answer, http.StatusServiceUnavailable, titleUnavailable)
	w.Expect(answer.Header().Get("Retry-After")).To(Equal("10"))
}

func TestWhoWouldWaitTooLongIsAskedToComeBackAtOnce(t *testing.T) {
	g := NewWithT(t)
	q := newQueue(1)
	g.Expect(q.enter(t.Context())).To(Succeed())
	impatient, leave := context.WithCancel(t.Context())
	waited := make(chan error, maxWaiting)
	for range maxWaiting {
		go func() { waited <- q.enter(impatient) }()
	}
	g.Eventually(q.waiting.Load, time.Minute).Should(BeEquivalentTo(maxWaiting))
	g.Expect(q.enter(t.Context())).To(MatchError(errBusy))
	leave()
	for range maxWaiting {
		g.Expect(<-waited).To(MatchError(errBusy))
	}
	q.leave()
	g.Expect(q.enter(t.Context())).To(Succeed())
}
