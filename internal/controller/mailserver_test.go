// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/app"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// secure starts a mail server that requires STARTTLS and a password.
var secure = smtpsink.Options{Encryption: smtpsink.StartTLS, Username: "usher", Password: "right"}

// editMail edits the SMTP Secret.
func (w *world) editMail(change func(map[string][]byte)) {
	GinkgoHelper()
	edit(w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: smtpSecret}}, func(s *corev1.Secret) { change(s.Data) })
}

// script answers RCPT with the reply that was set last.
type script struct {
	answer atomic.Pointer[smtpsink.Answer]
}

func (s *script) say(code int, text string) { s.answer.Store(&smtpsink.Answer{Code: code, Text: text}) }
func (s *script) behave()                   { s.answer.Store(nil) }

func (s *script) at(verb smtpsink.Verb) smtpsink.Script {
	return func(e smtpsink.Event) smtpsink.Answer {
		if a := s.answer.Load(); a != nil && e.Verb == verb {
			return *a
		}
		return smtpsink.Answer{}
	}
}

var _ = Describe("The mail server", func() {
	notReady := be(usherv1.ObservedPending, usherv1.ReasonMailNotReady)
	mailReady := func(reason string) OmegaMatcher {
		status := metav1.ConditionFalse
		if reason == usherv1.ReasonMailReady {
			status = metav1.ConditionTrue
		}
		return And(testkit.HaveCondition(usherv1.ConditionMailReady, status, reason), testkit.HaveCondition(usherv1.ConditionReady, status))
	}

	DescribeTable("that cannot be used is reported, and is used as soon as its Secret is correct",
		func(ctx SpecContext, options smtpsink.Options, reason string, spoil func(*world), mend func(*world)) {
			w := newWorld(ctx, options)
			w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(1).Build())
			spoil(w)
			o := w.start()
			w.hire("ada")
			Eventually(w.account).Should(mailReady(reason))
			Eventually(w.member("ada")).Should(notReady)
			Expect(w.holders(base)).To(Equal([]string{"ada"}), "she has the seat while she waits")
			for _, c := range w.account().Status.Conditions {
				Expect(c.Message).NotTo(ContainSubstring("right"), "the password")
				Expect(revealing(c.Message)).To(BeFalse(), c.Message)
			}
			o.settles()
			mend(w)
			Eventually(w.member("ada")).Should(beInvited)
			Expect(w.account()).To(mailReady(usherv1.ReasonMailReady))
			o.settles()
			Expect(w.mailed()).To(HaveLen(1))
			Expect(w.sink.Mails()[0].Encrypted).To(Equal(options.Encryption != ""))
		},
		Entry("no Secret", secure, usherv1.ReasonSecretNotFound,
			func(w *world) { w.remove(w.mailSecret(smtpSecret, w.sink)) },
			func(w *world) { w.create(w.mailSecret(smtpSecret, w.sink)) }),
		Entry("no sender", secure, usherv1.ReasonSecretInvalid,
			func(w *world) { w.editMail(func(d map[string][]byte) { delete(d, "from") }) },
			func(w *world) { w.editMail(func(d map[string][]byte) { d["from"] = []byte("no-reply@acme.example") }) }),
		Entry("an invalid rateLimit", secure, usherv1.ReasonSecretInvalid,
			func(w *world) { w.editMail(func(d map[string][]byte) { d["rateLimit"] = []byte("60/min") }) },
			func(w *world) { w.editMail(func(d map[string][]byte) { d["rateLimit"] = []byte("60") }) }),
		Entry("a password without a user", secure, usherv1.ReasonSecretInvalid,
			func(w *world) { w.editMail(func(d map[string][]byte) { delete(d, "username") }) },
			func(w *world) { w.editMail(func(d map[string][]byte) { d["username"] = []byte("usher") }) }),
		Entry("a wrong password", secure, usherv1.ReasonAuthFailed,
			func(w *world) { w.editMail(func(d map[string][]byte) { d["password"] = []byte("wrong") }) },
			func(w *world) { w.editMail(func(d map[string][]byte) { d["password"] = []byte("right") }) }),
		Entry("an unknown authority", secure, usherv1.ReasonTLSFailed,
			func(w *world) { w.editMail(func(d map[string][]byte) { delete(d, "ca.crt") }) },
			func(w *world) { w.editMail(func(d map[string][]byte) { d["ca.crt"] = w.sink.CA() }) }),
		Entry("no STARTTLS although it is required", smtpsink.Options{}, usherv1.ReasonTLSFailed,
			func(w *world) { w.editMail(func(d map[string][]byte) { delete(d, "tls") }) },
			func(w *world) { w.editMail(func(d map[string][]byte) { d["tls"] = []byte("None") }) }),
		Entry("no server", smtpsink.Options{Encryption: smtpsink.Implicit}, usherv1.ReasonServerUnreachable,
			func(w *world) { w.editMail(func(d map[string][]byte) { d["port"] = []byte("1") }) },
			func(w *world) { w.editMail(func(d map[string][]byte) { d["port"] = w.sink.Secret("x")["port"] }) }),
	)

	It("that was down is probed again a minute later, without any change", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(1).Build())
		w.sink.Close()
		w.clock.StopAt(time.Now())
		w.start(func(o *app.Options) { o.TestHooks.Resync = time.Second })
		w.hire("ada")
		Eventually(w.member("ada")).Should(notReady)
		Eventually(w.account).Should(mailReady(usherv1.ReasonServerUnreachable))
		address := w.sink.String()
		w.sink = startSink(smtpsink.Options{Listen: address})
		w.clock.Step(59 * time.Second)
		looks := w.clock.Looks()
		Eventually(w.clock.Looks).Should(BeNumerically(">", looks+10))
		Expect(w.sink.Connections()).To(BeZero(), "at most one probe a minute")
		w.clock.Step(time.Second)
		Eventually(w.member("ada")).Should(beInvited)
	})

	It("of the account's own is used, and switching servers needs no restart", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		own := startSink(secure)
		w.create(testkit.Account("acme").MailSecret("acme-smtp").ReplyTo("it@acme.example").Build(), testkit.SeatPool(base).Seats(2).Build())
		w.start()
		Eventually(w.account).Should(mailReady(usherv1.ReasonSecretNotFound))
		w.hire("ada")
		Eventually(w.member("ada")).Should(notReady)
		Expect(w.mailed()).To(BeEmpty(), "the account does not use the default server")
		w.create(w.mailSecret("acme-smtp", own))
		Eventually(w.member("ada")).Should(beInvited)
		Expect(own.Mails()).To(HaveLen(1))
		Expect(own.Mails()[0].User).To(Equal("usher"))
		Expect(own.Mails()[0].Header.Get("Reply-To")).To(ContainSubstring("it@acme.example"))

		edit(w, testkit.Account("acme").Build(), func(a *usherv1.Account) { a.Spec.Mail.SecretRef = nil })
		w.hire("bob")
		Eventually(w.member("bob")).Should(beInvited)
		Expect(w.mailed()).To(Equal([]string{"bob"}))
		Expect(own.Mails()).To(HaveLen(1))
	})

	It("that permanently refuses an address frees the seat for the next waiting member, and a corrected address gets its mail", func(ctx SpecContext) {
		var s script
		s.say(550, "5.1.1 <ada@acme.example>: no such user")
		w := newWorld(ctx, smtpsink.Options{Script: func(e smtpsink.Event) smtpsink.Answer {
			if e.Argument == "ada@acme.example" || e.Argument == "<ada@acme.example>" {
				return s.at(smtpsink.RCPT)(e)
			}
			return smtpsink.Answer{}
		}})
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(1).Build())
		o := w.start()
		w.hire("ada", "bob")
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonMailRejected))
		i := w.invitation("ada")()
		Expect(i.Status.State).To(Equal(usherv1.InvitationFailed))
		Expect(i.Status.LastError.Class).To(Equal(usherv1.ErrorPermanent))
		Expect(i.Status.LastError.Code).To(Equal("550 5.1.1"))
		Eventually(w.member("bob")).Should(beInvited)
		o.settles()
		Expect(w.holders(base)).To(Equal([]string{"bob"}))
		Expect(w.account()).To(mailReady(usherv1.ReasonMailReady))

		w.scale(base, 2)
		w.editMember("ada", func(m *usherv1.Member) { m.Spec.Email = "countess@acme.example" })
		Eventually(w.member("ada")).Should(beInvited)
		Expect(w.invitation("ada")().Status.LastError).To(BeNil())
		Expect(w.mailed()).To(Equal([]string{"bob", "countess"}))
	})

	It("that permanently refuses a mail accepts it when the invitation is sent again", func(ctx SpecContext) {
		var s script
		s.say(550, "5.1.1 no such user")
		w := newWorld(ctx, smtpsink.Options{Script: s.at(smtpsink.RCPT)})
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(1).Build())
		w.start()
		w.hire("ada")
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonMailRejected))
		s.behave()
		w.resend("ada")
		Eventually(w.member("ada")).Should(beInvited)
	})

	DescribeTable("that asks to try later gets the same mail later", func(ctx SpecContext, text string, atLeast, atMost time.Duration) {
		var s script
		s.say(451, text)
		w := newWorld(ctx, smtpsink.Options{Script: s.at(smtpsink.RCPT)})
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(1).Build())
		o := w.start()
		w.hire("ada")
		Eventually(w.invitation("ada")).Should(HaveField("Status.LastError", Not(BeNil())))
		o.settles()
		i := w.invitation("ada")()
		Expect(i.Status.State).To(Equal(usherv1.InvitationPending))
		Expect(i.Status.LastError.Class).To(Equal(usherv1.ErrorTemporary))
		Expect(i.Status.LastError.Code).To(HavePrefix("451 "))
		Expect(i.Status.NextAttemptAt.Sub(i.Status.LastError.At.Time)).To(And(BeNumerically(">=", atLeast-time.Second), BeNumerically("<=", atMost+time.Second)))
		Expect(w.member("ada")()).To(And(be(usherv1.ObservedPending, usherv1.ReasonInviting),
			says(usherv1.ReasonInviting, "asked to try again later (451 4.", i.Status.NextAttemptAt.UTC().Format(time.RFC3339))))
		Expect(w.account()).To(mailReady(usherv1.ReasonMailReady), "one recipient's error says nothing about the server")

		w.clock.StopAt(i.Status.NextAttemptAt.Add(-time.Second))
		w.touch()
		o.settles()
		Expect(w.invitation("ada")().Status.Attempts).To(BeEquivalentTo(1))
		s.behave()
		w.clock.Step(time.Second)
		w.touch()
		Eventually(w.member("ada")).Should(beInvited)
		is := w.invitation("ada")().Status
		Expect(is.Attempts).To(BeEquivalentTo(2))
		Expect(is.MessageID).To(Equal(i.Status.MessageID))
		Expect(is.LinkGeneration).To(Equal(i.Status.LinkGeneration))
		Expect(is.LastError).To(BeNil())
	},
		Entry("for about a minute", "4.3.0 try later", 48*time.Second, 72*time.Second),
		Entry("for five minutes if it greylists", "4.7.1 Greylisted, come back later", 4*time.Minute, 6*time.Minute),
	)

	It("that never accepts the mail is given up when the invitation expires", func(ctx SpecContext) {
		var s script
		s.say(451, "4.3.0 try later")
		w := newWorld(ctx, smtpsink.Options{Script: s.at(smtpsink.RCPT)})
		w.create(testkit.Account("acme").InvitationTTL("1h").Build(), testkit.SeatPool(base).Seats(1).Build())
		o := w.start()
		w.hire("ada")
		Eventually(w.invitation("ada")).Should(HaveField("Status.LastError", Not(BeNil())))
		o.settles()
		for tries := 0; w.invitation("ada")().Status.State != usherv1.InvitationFailed; tries++ {
			Expect(tries).To(BeNumerically("<", 10), "pauses of 1, 2, 4, ... minutes")
			is := w.invitation("ada")().Status
			w.clock.StopAt(is.NextAttemptAt.Time)
			if end := is.FirstAttemptAt.Add(time.Hour); end.Before(is.NextAttemptAt.Time) {
				w.clock.StopAt(end)
			}
			w.touch()
			o.settles()
		}
		Eventually(w.member("ada")).Should(be(usherv1.ObservedPending, usherv1.ReasonMailRejected))
		Expect(w.invitation("ada")().Status.State).To(Equal(usherv1.InvitationFailed))
		Eventually(func() []string { return w.holders(base) }).Should(BeEmpty())
	})

	It("that is away for longer than the ttl gets the mails that it could not be sent when it is back", func(ctx SpecContext) {
		var s script
		s.say(451, "4.3.0 try later")
		w := newWorld(ctx, smtpsink.Options{Script: s.at(smtpsink.RCPT)})
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(2).Build())
		w.clock.StopAt(time.Now().Truncate(time.Second))
		o := w.start(func(o *app.Options) { o.TestHooks.Resync = time.Second })
		w.hire("ada", "bob")
		for _, name := range []string{"ada", "bob"} {
			Eventually(w.invitation(name)).Should(HaveField("Status.LastError", Not(BeNil())))
		}
		first := w.invitation("ada")().Status.FirstAttemptAt.Time
		address := w.sink.String()
		w.sink.Close()
		w.clock.Step(2 * time.Minute)
		Eventually(w.account).Should(mailReady(usherv1.ReasonServerUnreachable))
		Eventually(w.member("ada")).Should(notReady)

		By("waiting for eight days, with another manager for the last of them")
		w.clock.Step(7 * 24 * time.Hour)
		o.stop()
		w.start(func(o *app.Options) { o.TestHooks.Resync = time.Second })
		w.clock.Step(24 * time.Hour)
		looks := w.clock.Looks()
		Eventually(w.clock.Looks).Should(BeNumerically(">", looks+30))
		Expect(w.member("ada")()).To(notReady)
		Expect(w.invitation("ada")().Status.State).To(Equal(usherv1.InvitationPending))

		By("having it ask to try later once more")
		w.sink = startSink(smtpsink.Options{Listen: address, Script: s.at(smtpsink.RCPT)})
		back := w.clock.Now().Add(time.Minute)
		w.clock.StopAt(back)
		for _, name := range []string{"ada", "bob"} {
			Eventually(w.invitation(name)).Should(HaveField("Status.LastError.At.Time", BeTemporally(">=", back)))
			is := w.invitation(name)().Status
			Expect(is.State).To(Equal(usherv1.InvitationPending))
			Expect(is.FirstAttemptAt.Time).To(BeTemporally("~", first.Add(8*24*time.Hour), 10*time.Minute))
		}
		s.behave()
		w.clock.Step(3 * time.Hour)
		Eventually(w.member("ada")).Should(beInvited)
		Eventually(w.member("bob")).Should(beInvited)
		Expect(w.mailed()).To(ConsistOf("ada", "bob"))
	})

	It("that was away gets a mail at once when its Secret leads to one that answers, however late the next attempt is due", func(ctx SpecContext) {
		var s script
		s.answer.Store(&smtpsink.Answer{Drop: true})
		w := newWorld(ctx, smtpsink.Options{Script: s.at(smtpsink.RCPT)})
		w.clock.StopAt(time.Now().Truncate(time.Second)) // all happens within a second
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(1).Build())
		o := w.start()
		w.hire("ada")
		Eventually(w.invitation("ada")).Should(HaveField("Status.LastError", Not(BeNil())))
		o.settles()
		due := w.invitation("ada")().Status.NextAttemptAt.Time
		w.editMail(func(d map[string][]byte) { d["port"] = []byte("1") })
		Eventually(w.member("ada")).Should(notReady)
		s.behave()
		w.editMail(func(d map[string][]byte) { d["port"] = w.sink.Secret("x")["port"] })
		Eventually(w.account).Should(mailReady(usherv1.ReasonMailReady))
		w.clock.Step(time.Second)
		Eventually(w.member("ada")).Should(beInvited)
		Expect(w.clock.Now()).To(BeTemporally("<", due))
	})

	It("whose reply is lost gets the same mail again, with the same link", func(ctx SpecContext) {
		var lost atomic.Bool
		w := newWorld(ctx, smtpsink.Options{Script: func(e smtpsink.Event) smtpsink.Answer {
			if e.Verb == smtpsink.Body && lost.CompareAndSwap(false, true) {
				return smtpsink.Answer{Drop: true, Keep: true}
			}
			return smtpsink.Answer{}
		}})
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(1).Build())
		o := w.start()
		w.hire("ada")
		Eventually(w.invitation("ada")).Should(HaveField("Status.LastError", Not(BeNil())))
		o.settles()
		Expect(w.visit(w.link("ada", 1))).To(Equal(200), "the invitee can already answer")
		w.clock.Step(2 * time.Minute)
		w.touch()
		Eventually(w.member("ada")).Should(beInvited)
		both := w.mails("ada")
		Expect(both).To(HaveLen(2))
		Expect(both[1].MessageID).To(Equal(both[0].MessageID))
		Expect(both[1].Link()).To(Equal(both[0].Link()))
	})

	It("that no longer accepts the password makes all mails wait until it does", func(ctx SpecContext) {
		var s script
		w := newWorld(ctx, smtpsink.Options{Encryption: smtpsink.StartTLS, Username: "usher", Password: "right", Script: s.at(smtpsink.AUTH)})
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(3).Build())
		o := w.start(func(o *app.Options) { o.TestHooks.Resync = time.Second })
		w.hire("a1")
		Eventually(w.member("a1")).Should(beInvited)
		s.say(535, "5.7.8 wrong")
		w.clock.Step(time.Minute)
		w.editMail(func(d map[string][]byte) { d["heloName"] = []byte("new.acme.example") })
		Eventually(w.account).Should(mailReady(usherv1.ReasonAuthFailed))
		w.hire("a2", "a3")
		Eventually(w.member("a2")).Should(notReady)
		Eventually(w.member("a3")).Should(notReady)
		o.settles()
		Expect(w.mailed()).To(Equal([]string{"a1"}))
		s.behave()
		w.clock.Step(time.Minute)
		Eventually(w.member("a2")).Should(beInvited)
		Eventually(w.member("a3")).Should(beInvited)
		Expect(w.mailed()).To(ConsistOf("a1", "a2", "a3"))
	})

})
