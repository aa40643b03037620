// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

var _ = Describe("A mail server that takes longer to accept a mail than a send's lease lasts", func() {
	It("gets the mail once, from one of two managers", func(ctx SpecContext) {
		accepted := make(chan struct{})
		w := newWorld(ctx, smtpsink.Options{Script: smtpsink.On(map[smtpsink.Verb]smtpsink.Answer{smtpsink.Body: {Hold: accepted}})})
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(1).Build())
		managers := []*operator{w.start(), w.start()}
		Eventually(w.account).Should(testkit.HaveCondition(usherv1.ConditionMailReady, "True"))
		w.hire("ada")
		leaseEnd := func() time.Time {
			if ends := w.invitation("ada")().Status.NextAttemptAt; ends != nil {
				return ends.Time
			}
			return time.Time{}
		}
		Eventually(leaseEnd).ShouldNot(BeZero())
		first := leaseEnd()
		Eventually(leaseEnd, 2*delivery.RenewEvery).Should(BeTemporally(">", first), "the sender extends its lease")

		w.clock.Step(first.Sub(w.clock.Now()) + time.Second)
		w.touch()
		for _, o := range managers {
			o.settles()
		}
		Expect(w.invitation("ada")().Status).To(And(HaveField("State", usherv1.InvitationSending), HaveField("Attempts", BeEquivalentTo(1))))
		close(accepted)
		Eventually(w.member("ada")).Should(beInvited)
		Expect(w.mailed()).To(ConsistOf("ada"))
	})
})

var _ = Describe("An operator whose clock was a year ahead", func() {
	It("leaves no lease, no retry and no link that lasts for that year", func(ctx SpecContext) {
		w, o := running(ctx, 1)
		w.hire("ada")
		Eventually(w.member("ada")).Should(beInvited)
		o.settles()
		o.stop()
		ahead := metav1.Time{Time: w.clock.Now().AddDate(1, 0, 0).Truncate(time.Second)}
		leave := func(change func(*usherv1.InvitationStatus)) {
			GinkgoHelper()
			inv := w.invitation("ada")()
			change(&inv.Status)
			Expect(w.api.Status().Update(ctx, inv)).To(Succeed())
		}

		leave(func(s *usherv1.InvitationStatus) {
			s.State, s.SentAt, s.ExpiresAt, s.FirstAttemptAt, s.NextAttemptAt = usherv1.InvitationSending, nil, nil, &ahead, &ahead
		})
		o = w.start()
		Eventually(func() []string { return w.mailed() }).Should(Equal([]string{"ada", "ada"}), "the lease is not believed")
		Eventually(w.member("ada")).Should(beInvited)
		o.settles()
		o.stop()

		leave(func(s *usherv1.InvitationStatus) {
			expires := metav1.Time{Time: ahead.Add(usherv1.DefaultTTL)}
			s.SentAt, s.ExpiresAt = &ahead, &expires
		})
		o = w.start()
		Eventually(func() time.Time { return w.invitation("ada")().Status.ExpiresAt.Time }).
			Should(BeTemporally("~", w.clock.Now().Add(usherv1.DefaultTTL), time.Minute))
		o.settles()
		Expect(w.mailed()).To(Equal([]string{"ada", "ada"}), "the link stays the same")
	})
})
