// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// replay is the shortest sequence that leads to a bug that a harness has found.
type replay struct {
	name string
	do   func(w *world)
}

var replays = []replay{
	// State walk 1134: the Member controller waited for the SeatPool controller, which waited for the Member's status to say
	// that it had accepted. It took five seconds until one of them continued.
	{"a member without an invitation comes to a pool that reserves on acceptance", func(w *world) {
		w.create(testkit.Account(testkit.DefaultAccount).Build(), testkit.SeatPool(base).Seats(3).OnAcceptance().Build())
		w.until("an account", func() string { return story[0].done(w) })
		w.settle()
		w.create(testkit.Member("ada").Immediate().Build())
		w.within(4*time.Second, "active", func() string { return w.be("ada", usherv1.ObservedActive, usherv1.ReasonActivated) })
	}},
	// Brown-out, seed 1: a failed read of the SMTP Secret was treated as an invalid Secret, which is
	// read again only a minute later. The Secret is read since it has changed: by the probe, and for the mail.
	{"the SMTP Secret cannot be read for a moment", func(w *world) {
		w.create(testkit.Account(testkit.DefaultAccount).Build(), testkit.SeatPool(base).Seats(1).Build())
		w.until("an account", func() string { return story[0].done(w) })
		w.settle()
		var mu sync.Mutex
		var due time.Time // when there was an invitation to send
		missed := 0
		w.op.wire.When(func(c testkit.Call) bool {
			mu.Lock()
			defer mu.Unlock()
			if c.Verb == "create" && c.Resource == "invitations" {
				due = time.Now()
			}
			unreadable := c.Verb == "get" && c.Resource == "secrets" && c.Name == smtpSecret && (due.IsZero() || time.Since(due) < 2*time.Second)
			if unreadable && !due.IsZero() {
				missed++
			}
			return unreadable
		}, testkit.Status(http.StatusInternalServerError, 0))
		w.wake(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: smtpSecret, Namespace: w.namespace}})
		w.create(testkit.Member("ada").Build())
		w.within(30*time.Second, "invited", func() string { return w.invited("ada") })
		mu.Lock()
		defer mu.Unlock()
		if missed == 0 {
			w.fail("every read for the mail was answered")
		}
	}},
}

// Each bug that a harness has found stays fixed.
func TestReplays(t *testing.T) {
	t.Parallel()
	h := begin(t, "replays of what was found")
	each(replays, func(r replay) {
		h.run(r.name, func(w *world) {
			w.start()
			r.do(w)
			w.settle()
		})
	})
}
