// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

var _ = Describe("Reminders", func() {
	var answer *script
	remind := func(ctx context.Context, ttl string, before ...usherv1.Lead) (*world, *operator) {
		GinkgoHelper()
		answer = &script{}
		w := newWorld(ctx, smtpsink.Options{Script: answer.at(smtpsink.RCPT)})
		w.create(testkit.Account("acme").InvitationTTL(ttl).Reminders(before...).Build(), testkit.SeatPool(base).Seats(5).Build())
		return w, w.start()
	}
	reminders := func(w *world, name string) func() []usherv1.Reminder {
		return func() []usherv1.Reminder { return w.invitation(name)().Status.Reminders }
	}
	taken := HaveExactElements(And(HaveField("SentAt", Not(BeNil())), HaveField("NextAttemptAt", BeNil())))
	events := func(w *world) (reasons []string) {
		var list eventsv1.EventList
		Expect(w.api.List(context.Background(), &list, client.InNamespace(w.namespace))).To(Succeed())
		for _, e := range list.Items {
			reasons = append(reasons, e.Reason)
		}
		return reasons
	}

	It("are sent by the manager's own timer, once, with the same link", func(ctx SpecContext) {
		w, o := remind(ctx, "75s", "70s")
		w.hire("ada")
		Eventually(reminders(w, "ada")).Should(taken)
		Expect(w.invitation("ada")().Status.State).To(Equal(usherv1.InvitationSent))
		Expect(w.member("ada")()).To(beInvited)
		mails := w.mails("ada")
		Expect(mails).To(HaveLen(2))
		Expect(mails[1].Link()).To(Equal(mails[0].Link()))
		Expect(mails[1].Header.Get("In-Reply-To")).To(Equal(mails[0].Header.Get("Message-ID")))
		Expect(mails[1].MessageID).To(Equal(strings.Replace(mails[0].MessageID, "@", ".1m10s@", 1)))
		Expect(mails[1].Subject).To(HavePrefix("Reminder: acme"))
		Eventually(func() []string { return events(w) }).Should(ContainElement(usherv1.ReasonReminded))
		o.settles()
		Expect(w.mails("ada")).To(HaveLen(2))
		w.accept("ada")
		Eventually(w.member("ada")).Should(beActive)
	})

	It("that the server refuses do not change the invitation", func(ctx SpecContext) {
		w, o := remind(ctx, "168h", "48h")
		w.hire("ada", "bob")
		Eventually(w.member("ada")).Should(beInvited)
		Eventually(w.member("bob")).Should(beInvited)
		o.settles()

		answer.say(451, "4.3.2 not now")
		w.clock.Step(121 * time.Hour)
		w.touch()
		Eventually(reminders(w, "ada")).Should(HaveExactElements(And(HaveField("SentAt", BeNil()), HaveField("NextAttemptAt", Not(BeNil())))))
		Eventually(reminders(w, "bob")).Should(HaveLen(1))
		o.settles()
		answer.behave()
		w.clock.Step(2 * time.Minute)
		w.touch()
		Eventually(reminders(w, "ada")).Should(taken)
		Expect(w.invitation("ada")().Status.LastError).To(BeNil())
		Eventually(reminders(w, "bob")).Should(taken)
		Expect(w.sink.Mails()).To(HaveLen(4))

		w.hire("cat")
		Eventually(w.member("cat")).Should(beInvited)
		o.settles()
		answer.say(550, "5.1.1 no such user")
		w.clock.Step(121 * time.Hour)
		w.touch()
		Eventually(reminders(w, "cat")).Should(HaveExactElements(And(HaveField("Attempts", BeEquivalentTo(1)), HaveField("SentAt", BeNil()), HaveField("NextAttemptAt", BeNil()))))
		inv := w.invitation("cat")()
		Expect(inv.Status.State).To(Equal(usherv1.InvitationSent))
		Expect(inv.Status.LastError).To(HaveField("Code", HavePrefix("550")))
		Expect(w.member("cat")()).To(beInvited, "she keeps her seat and her link")
		Eventually(func() []string { return events(w) }).Should(ContainElement(usherv1.ReasonReminderFailed))
	})

	It("are not sent to members who have answered, are disabled or whose invitation was revoked", func(ctx SpecContext) {
		w, o := remind(ctx, "168h", "48h")
		w.hire("ada", "bob", "cat", "dan")
		for _, name := range []string{"ada", "bob", "cat", "dan"} {
			Eventually(w.member(name)).Should(beInvited)
		}
		w.accept("ada")
		w.disable("bob")
		w.editInvitation("cat", func(i *usherv1.Invitation) { i.Spec.State = usherv1.InvitationRevokedWish })
		Eventually(w.member("ada")).Should(beActive)
		Eventually(w.member("bob")).Should(be(usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec))
		Eventually(w.member("cat")).Should(be(usherv1.ObservedPending, usherv1.ReasonInvitationRevoked))
		o.settles()
		w.clock.Step(121 * time.Hour)
		w.touch()
		Eventually(reminders(w, "dan")).Should(taken)
		o.settles()
		Expect(w.mailed()).To(ConsistOf("ada", "bob", "cat", "dan", "dan"))
	})
})
