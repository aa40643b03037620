// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/app"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

var _ = Describe("An API server that is away when the mail server has accepted a mail", func() {
	It("learns of it when it is back, and no copy is sent", func(ctx SpecContext) {
		accepted := make(chan struct{})
		var holds atomic.Bool
		var held atomic.Int32
		w := newWorld(ctx, smtpsink.Options{Script: func(e smtpsink.Event) smtpsink.Answer {
			if e.Verb != smtpsink.Body || !holds.Load() {
				return smtpsink.Answer{}
			}
			held.Add(1)
			return smtpsink.Answer{Hold: accepted}
		}})
		w.create(testkit.Account("acme").InvitationTTL("168h").Reminders("48h").Build(), testkit.SeatPool(base).Seats(3).Build())
		o := w.start(func(o *app.Options) { o.MailWorkers = 32 }) // for three mails of one namespace at the same time
		w.hire("ada", "bob")
		for _, name := range []string{"ada", "bob"} {
			Eventually(w.member(name)).Should(beInvited)
		}
		w.activate("ada")
		o.settles()

		By("holding an invitation, a reminder and an expiry notice at the end of their conversations")
		holds.Store(true)
		w.clock.Step(121 * time.Hour)
		w.editMember("ada", func(m *usherv1.Member) { m.Spec.AccessUntil = &metav1.Time{Time: w.clock.Now().Add(72 * time.Hour)} })
		w.hire("cat")
		w.touch()
		claimed := func() (sending []string) {
			for _, n := range w.member("ada")().Status.EndNotices {
				if n.State == usherv1.EndNoticeSending {
					sending = append(sending, "notice")
				}
			}
			if r := w.invitation("bob")().Status.Reminders; len(r) == 1 && r[0].SentAt == nil {
				sending = append(sending, "reminder")
			}
			if w.invitation("cat")().Status.State == usherv1.InvitationSending {
				sending = append(sending, "invitation")
			}
			return sending
		}
		Eventually(claimed).Should(ConsistOf("notice", "reminder", "invitation"))
		Eventually(held.Load).Should(BeEquivalentTo(3))
		o.wire.When(func(testkit.Call) bool { return true }, testkit.Refused)
		close(accepted)
		Eventually(w.sink.Mails).Should(HaveLen(5))

		By("waiting until Usher's first tries are over, and the leases too")
		struck := o.wire.Struck()
		Consistently(claimed, "16s", "1s").Should(HaveLen(3))
		w.clock.Step(2 * delivery.SendLease)
		w.touch()
		Eventually(o.wire.Struck).Should(BeNumerically(">", struck))
		Expect(claimed()).To(HaveLen(3))

		o.wire.Heal()
		Eventually(claimed, "40s").Should(BeEmpty())
		Eventually(w.invitation("cat")).Should(HaveField("Status.State", usherv1.InvitationSent))
		o.settles()
		Expect(w.mailed()).To(ConsistOf("ada", "bob", "ada", "bob", "cat"))
	})
})
