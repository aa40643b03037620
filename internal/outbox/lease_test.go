// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/internal/delivery"
)

// A conversation continues while its lease can be renewed, and ends before the lease does, whatever the API server does. synctest's
// fake clock makes the test fast.
func TestUntilHangUp(t *testing.T) {
	const (
		lease = delivery.SendLease - delivery.RenewEvery/2
		late  = 9 * time.Second
		slow  = 5 * time.Second
	)
	// outcome is the result of a renewal, and how long it takes.
	type outcome struct {
		takes         time.Duration
		renewed, ours bool
	}
	always := func(o outcome) func(time.Duration) outcome { return func(time.Duration) outcome { return o } }
	for name, c := range map[string]struct {
		// spent is how long the write of the claim took.
		spent time.Duration
		// renewal returns the outcome of a renewal that starts at this point of the conversation.
		renewal func(after time.Duration) outcome
		// abandoned is when the conversation is abandoned; 0 if never.
		abandoned time.Duration
	}{
		"renewed each time":         {renewal: always(outcome{time.Second, true, true})},
		"refused once":              {renewal: func(after time.Duration) outcome { return outcome{0, after > delivery.RenewEvery, true} }},
		"refused":                   {renewal: always(outcome{0, false, true}), abandoned: lease},
		"unanswered":                {renewal: always(outcome{slow, false, true}), abandoned: lease},
		"unanswered for long":       {renewal: always(outcome{time.Minute, false, true}), abandoned: lease},
		"late, then refused":        {spent: late, renewal: always(outcome{0, false, true}), abandoned: lease - late},
		"late, then unanswered":     {spent: late, renewal: always(outcome{slow, false, true}), abandoned: lease - late},
		"late, then renewed slowly": {spent: late, renewal: always(outcome{slow, true, true})},
		"another sender's by now":   {renewal: always(outcome{0, false, false}), abandoned: delivery.RenewEvery},
		"renewed for a minute": {
			renewal:   func(after time.Duration) outcome { return outcome{0, after <= time.Minute, true} },
			abandoned: time.Minute + lease,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := NewWithT(t)
				began := time.Now()
				hangUp := began.Add(lease - c.spent)
				sending, abandon := context.WithCancel(t.Context())
				end := untilHangUp(t.Context(), time.Now, hangUp, abandon, func(context.Context) (time.Time, bool) {
					o := c.renewal(time.Since(began))
					time.Sleep(o.takes)
					if o.renewed {
						hangUp = time.Now().Add(lease)
					}
					return hangUp, o.ours
				})
				abandoned := time.Duration(0)
				select {
				case <-sending.Done():
					abandoned = time.Since(began)
				case <-time.After(delivery.SendTimeout):
				}
				g.Expect(abandoned).To(Equal(c.abandoned))
				end()
				time.Sleep(delivery.SendLease)
				g.Expect(sending.Err() != nil).To(Equal(c.abandoned != 0), "after the end")
			})
		})
	}
}
