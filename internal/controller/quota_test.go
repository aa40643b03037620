// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/app"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

var _ = Describe("The quota of an account", func() {
	It("holds its mails through the platform's server for a day, and nothing else", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		noon := time.Now().Truncate(time.Hour)
		w.clock.StopAt(noon)
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(9).Build())
		few := func(o *app.Options) { o.MailQuota = 2 }
		o := w.start(few)
		w.hire("a1", "a2")
		Eventually(w.member("a1")).Should(beInvited)
		Eventually(w.member("a2")).Should(beInvited)
		w.hire("a3")
		tomorrow := noon.Add(24 * time.Hour)
		Eventually(w.member("a3")).Should(sayWhy("as many mails through the platform's mail server as it may within a day", tomorrow))
		Expect(w.invitation("a3")()).To(waitFor(usherv1.ReasonQuotaReached, tomorrow))
		o.settles()
		Expect(w.mailed()).To(ConsistOf("a1", "a2"))

		By("withdrawing")
		w.disable("a1")
		Eventually(w.invitation("a1")).Should(HaveField("Status.State", usherv1.InvitationRevoked))

		By("restarting the manager")
		o.stop()
		o = w.start(few)
		w.touch()
		o.settles()
		Expect(w.mailed()).To(ConsistOf("a1", "a2"))
		Expect(w.invitation("a3")()).To(waitFor(usherv1.ReasonQuotaReached, tomorrow))

		By("giving the account a mail server of its own")
		own := startSink(smtpsink.Options{})
		w.create(w.mailSecret("acme-smtp", own))
		edit(w, testkit.Account("acme").Build(), func(a *usherv1.Account) {
			a.Spec.Mail = &usherv1.AccountMail{SecretRef: &usherv1.SecretReference{Name: "acme-smtp"}}
		})
		Eventually(w.member("a3")).Should(beInvited)
		Expect(own.Mails()).To(HaveLen(1))
		edit(w, testkit.Account("acme").Build(), func(a *usherv1.Account) { a.Spec.Mail = nil })
		w.hire("a4")
		Eventually(w.invitation("a4")).Should(waitFor(usherv1.ReasonQuotaReached, tomorrow))

		By("raising the quota")
		o.stop()
		w.start(func(o *app.Options) { o.MailQuota = 10 })
		Eventually(w.member("a4")).Should(beInvited)
	})

	It("is over a day later", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		noon := time.Now().Truncate(time.Hour)
		w.clock.StopAt(noon)
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(9).Build())
		w.start(func(o *app.Options) { o.MailQuota = 1 })
		w.hire("a1")
		Eventually(w.member("a1")).Should(beInvited)
		w.hire("a2")
		Eventually(w.invitation("a2")).Should(waitFor(usherv1.ReasonQuotaReached, noon.Add(24*time.Hour)))
		w.clock.StopAt(noon.Add(24 * time.Hour))
		w.touch()
		Eventually(w.member("a2")).Should(beInvited)
		Expect(w.mailed()).To(ConsistOf("a1", "a2"))
	})
})
