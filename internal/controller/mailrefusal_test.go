// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/app"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

var _ = Describe("A mail server that refuses us", func() {
	notReady := func(reason string) OmegaMatcher {
		return testkit.HaveCondition(usherv1.ConditionMailReady, metav1.ConditionFalse, reason)
	}
	ready := testkit.HaveCondition(usherv1.ConditionMailReady, metav1.ConditionTrue, usherv1.ReasonMailReady)
	resyncing := func(o *app.Options) { o.TestHooks.Resync = time.Second }
	var names []string
	members := func(n int) []string {
		names = nil
		for i := range n {
			names = append(names, fmt.Sprintf("m%02d", i))
		}
		return names
	}
	// in returns how many members have that reason.
	in := func(w *world, reason string) func() int {
		return func() (n int) {
			for _, m := range w.members() {
				if reasonOf(&m) == reason {
					n++
				}
			}
			return n
		}
	}
	// failures returns the members whose invitations have failed.
	failures := func(w *world) (failed []string) {
		for _, i := range w.invitations() {
			if i.Status.State == usherv1.InvitationFailed {
				failed = append(failed, i.Name)
			}
		}
		return failed
	}

	DescribeTable("costs no one the invitation or the seat, and all mails go out when it is mended",
		func(ctx SpecContext, at smtpsink.Verb, code int, text, reason string, count int, mend func(*world, *script)) {
			var s script
			var attempts atomic.Int32
			s.say(code, text)
			w := newWorld(ctx, smtpsink.Options{Script: func(e smtpsink.Event) smtpsink.Answer {
				if e.Verb == smtpsink.MAIL {
					attempts.Add(1)
				}
				return s.at(at)(e)
			}})
			w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(int32(count)).Build())
			o := w.start(resyncing)
			w.hire(members(count)...)
			Eventually(w.account).Should(notReady(reason))
			Eventually(in(w, usherv1.ReasonMailNotReady)).Should(Equal(count))
			o.settles()
			Expect(failures(w)).To(BeEmpty())
			Expect(w.holders(base)).To(HaveLen(count))
			before := attempts.Load()
			Expect(before).To(BeNumerically("<=", 8), "a few recipients in a row, and those under way")
			for _, c := range w.account().Status.Conditions {
				Expect(revealing(c.Message)).To(BeFalse(), c.Message)
				Expect(c.Message).NotTo(ContainSubstring("secret of the server"))
			}
			w.clock.Step(10 * time.Second)
			Eventually(attempts.Load).Should(Equal(before+1), "one mail at a time")
			o.settles()
			Expect(attempts.Load()).To(Equal(before + 1))
			Expect(w.account()).To(notReady(reason))
			mend(w, &s)
			Eventually(w.mailed).Should(HaveLen(count))
			Eventually(w.account).Should(ready)
			Eventually(in(w, usherv1.ReasonAwaitingAcceptance)).Should(Equal(count))
			Expect(w.mailed()).To(ConsistOf(names))
			Expect(w.holders(base)).To(HaveLen(count))
		},
		Entry("the sender, at RCPT, mended at the server", smtpsink.RCPT, 553, "5.7.1 <no-reply@acme.example>: Sender address rejected: not owned by user",
			usherv1.ReasonAuthFailed, 60, func(w *world, s *script) { s.behave(); w.clock.Step(20 * time.Second) }),
		Entry("the sender, at MAIL, mended in the Secret", smtpsink.MAIL, 550, "5.1.0 sender unknown", usherv1.ReasonAuthFailed, 12,
			func(w *world, s *script) {
				s.behave()
				w.editMail(func(d map[string][]byte) { d["from"] = []byte("Acme <invite@acme.example>") })
			}),
		Entry("by its policy, after the mail", smtpsink.Body, 550, "5.7.26 unauthenticated mail, secret of the server", usherv1.ReasonMailRefused, 12,
			func(w *world, s *script) { s.behave(); w.clock.Step(20 * time.Second) }),
		Entry("and says that no recipient exists", smtpsink.RCPT, 550, "5.1.1 user unknown", usherv1.ReasonMailRefused, 12,
			func(w *world, s *script) { s.behave(); w.clock.Step(20 * time.Second) }),
		Entry("and does not say why", smtpsink.RCPT, 550, "no", usherv1.ReasonMailRefused, 12,
			func(w *world, s *script) { s.behave(); w.clock.Step(20 * time.Second) }),
	)

	It("holds up only the tenant whose recipients' own server refuses", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{Script: func(e smtpsink.Event) smtpsink.Answer {
			if e.Verb == smtpsink.RCPT && strings.Contains(e.Argument, "hostile") {
				return smtpsink.Reply(550, "5.7.1 refused by policy")
			}
			return smtpsink.Answer{}
		}})
		hostile := testkit.Namespace(ctx, server)
		put := func(o client.Object) {
			o.SetNamespace(hostile)
			Expect(w.api.Create(ctx, o)).To(Succeed())
		}
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(10).Build())
		put(testkit.Account("acme").Build())
		put(testkit.SeatPool(base).Seats(10).Build())
		w.start(func(o *app.Options) { o.WatchNamespaces = hostile + "," + w.namespace })
		for i := range 5 {
			put(testkit.Member(fmt.Sprint("h", i)).Email(fmt.Sprintf("h%d@hostile.example", i)).Build())
		}
		theirs := func() *usherv1.Account {
			a := testkit.Account("acme").In(hostile).Build()
			Expect(w.api.Get(context.Background(), client.ObjectKeyFromObject(a), a)).To(Succeed())
			return a
		}
		Eventually(theirs).Should(notReady(usherv1.ReasonMailRefused))
		w.hire(members(10)...)
		Eventually(w.mailed).Should(ConsistOf(names))
		Expect(w.account()).To(ready)
		Expect(theirs()).To(notReady(usherv1.ReasonMailRefused))
	})

	It("only for one recipient's sake gets the others' mails, and that member is told", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{Script: func(e smtpsink.Event) smtpsink.Answer {
			if e.Verb == smtpsink.RCPT && strings.Contains(e.Argument, "eve@") {
				return smtpsink.Reply(550, "5.7.1 refused by policy")
			}
			return smtpsink.Answer{}
		}})
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(5).Build())
		w.start(resyncing)
		w.hire("eve")
		Eventually(w.account).Should(notReady(usherv1.ReasonMailRefused))
		w.hire("m1", "m2", "m3")
		w.clock.Step(20 * time.Second)
		Eventually(w.mailed).Should(ConsistOf("m1", "m2", "m3"))
		Eventually(w.account).Should(ready)
		Eventually(func() string {
			w.clock.Step(time.Minute)
			w.touch()
			return reasonOf(w.member("eve")())
		}).WithPolling(500 * time.Millisecond).Should(Equal(usherv1.ReasonMailRejected))
		Expect(w.account()).To(ready)
	})

	It("while the manager is restarted costs no one the invitation either", func(ctx SpecContext) {
		var s script
		s.say(550, "5.1.1 user unknown")
		w := newWorld(ctx, smtpsink.Options{Script: s.at(smtpsink.RCPT)})
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(10).Build())
		o := w.start(resyncing)
		w.hire("m00")
		Eventually(func() []string { return failures(w) }).Should(Equal([]string{"m00"}), "one that is alone is the recipient's")
		o.kill()
		o = w.start(resyncing)
		w.hire(members(10)[1:]...)
		Eventually(w.account).Should(notReady(usherv1.ReasonMailRefused))
		Eventually(in(w, usherv1.ReasonMailNotReady)).Should(Equal(10))
		o.kill()
		s.behave()
		w.clock.Step(time.Minute)
		w.start(resyncing)
		Eventually(w.mailed).Should(ConsistOf(names))
		Eventually(in(w, usherv1.ReasonAwaitingAcceptance)).Should(Equal(10))
	})
})

var _ = Describe("A mail server in trouble", func() {
	const count = 20
	DescribeTable("gets one login a minute, and all mails when it works again", func(ctx SpecContext, at smtpsink.Verb, trouble smtpsink.Answer) {
		var broken atomic.Bool
		scripted, err := smtpsink.StartScripted(smtpsink.ScriptedOptions{Extensions: []string{"AUTH PLAIN"}, Script: func(e smtpsink.Event) smtpsink.Answer {
			if broken.Load() && e.Verb == at {
				return trouble
			}
			return smtpsink.Answer{}
		}})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(scripted.Close)
		heard := func(verb smtpsink.Verb) func() int {
			return func() (n int) {
				for _, e := range scripted.Heard() {
					if e.Verb == verb {
						n++
					}
				}
				return n
			}
		}
		w := newWorld(ctx, smtpsink.Options{})
		edit(w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: smtpSecret}}, func(s *corev1.Secret) {
			s.Data["host"], s.Data["port"] = []byte(scripted.Host), []byte(strconv.Itoa(scripted.Port))
			s.Data["username"], s.Data["password"] = []byte("usher"), []byte("right")
		})
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(count).Build())
		o := w.start(func(o *app.Options) { o.TestHooks.Resync = time.Second })
		ready := testkit.HaveCondition(usherv1.ConditionMailReady, metav1.ConditionTrue, usherv1.ReasonMailReady)
		Eventually(w.account).Should(ready)
		broken.Store(true)
		began := heard(smtpsink.Greeting)()
		for i := range count {
			w.hire(fmt.Sprintf("m%02d", i))
		}
		down := testkit.HaveCondition(usherv1.ConditionMailReady, metav1.ConditionFalse, usherv1.ReasonServerUnreachable)
		Eventually(w.account).Should(down)
		waiting := func() (n int) {
			for _, m := range w.members() {
				if reasonOf(&m) == usherv1.ReasonMailNotReady {
					n++
				}
			}
			return n
		}
		Eventually(waiting).Should(Equal(count))
		o.settles()
		first := heard(smtpsink.Greeting)() - began
		Expect(first).To(BeNumerically("<=", 2), "those that were under way at the first answer")
		for minute := range 3 {
			w.clock.Step(time.Minute)
			Eventually(heard(smtpsink.Greeting)).Should(Equal(began + first + minute + 1))
			w.touch()
			o.settles()
			Expect(heard(smtpsink.Greeting)()).To(Equal(began+first+minute+1), "one login a minute")
			Expect(w.account()).To(down)
		}
		broken.Store(false)
		w.clock.Step(time.Minute)
		Eventually(heard(smtpsink.Body)).Should(Equal(count))
		Eventually(w.account).Should(ready)
	},
		Entry("421 in its greeting", smtpsink.Greeting, smtpsink.Answer{Code: 421, Text: "4.3.2 too many connections", HangUp: true}),
		Entry("421 to AUTH", smtpsink.AUTH, smtpsink.Answer{Code: 421, Text: "4.7.0 try again later", HangUp: true}),
		Entry("454 to AUTH", smtpsink.AUTH, smtpsink.Reply(454, "4.7.0 temporary authentication failure")),
		Entry("that hangs up at EHLO", smtpsink.EHLO, smtpsink.Answer{Drop: true}),
	)
})
