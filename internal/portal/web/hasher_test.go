// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestARequestThatWouldWaitTooLongIsRefusedAtOnce(t *testing.T) {
	g := NewWithT(t)
	q := NewSlots(1)
	g.Expect(q.Acquire(t.Context())).To(Succeed())
	impatient, leave := context.WithCancel(t.Context())
	waited := make(chan error, maxWaiting)
	for range maxWaiting {
		go func() { waited <- q.Acquire(impatient) }()
	}
	g.Eventually(q.waiting.Load, time.Minute).Should(BeEquivalentTo(maxWaiting))
	g.Expect(q.Acquire(t.Context())).To(MatchError(ErrBusy))
	leave()
	for range maxWaiting {
		g.Expect(<-waited).To(MatchError(ErrBusy))
	}
	q.Release()
	g.Expect(q.Acquire(t.Context())).To(Succeed())
}
