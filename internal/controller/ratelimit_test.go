// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"fmt"
	"slices"
	"strconv"
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

// waitFor succeeds for an Invitation whose mail is held until that time.
func waitFor(reason string, until time.Time) OmegaMatcher {
	return And(
		testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionFalse, reason),
		testkit.HaveCondition(usherv1.ConditionReconciling, metav1.ConditionTrue, reason),
		HaveField("Status.NextAttemptAt.UTC()", BeTemporally("==", until)),
	)
}

// sayWhy succeeds for a Member whose conditions say why its mail waits, and until when.
func sayWhy(what string, until time.Time) OmegaMatcher {
	return And(be(usherv1.ObservedPending, usherv1.ReasonInviting),
		HaveField("Status.Conditions", ContainElement(And(HaveField("Type", usherv1.ConditionReady),
			HaveField("Message", And(ContainSubstring(what), ContainSubstring(until.UTC().Format(time.RFC3339))))))))
}

var _ = Describe("The rate limit", func() {
	It("of a Secret holds mails, and the member's conditions say until when", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		w.editMail(func(d map[string][]byte) { d["rateLimit"] = []byte("4\n") })
		noon := time.Now().Truncate(time.Second)
		w.clock.StopAt(noon)
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(9).Build())
		o := w.start()
		w.hire("a1")
		Eventually(w.member("a1")).Should(beInvited)
		w.hire("a2")
		Eventually(w.member("a2")).Should(sayWhy("rateLimit", noon.Add(15*time.Second)))
		w.hire("a3")
		Eventually(w.member("a3")).Should(sayWhy("rateLimit", noon.Add(30*time.Second)))
		Expect(w.invitation("a3")()).To(waitFor(usherv1.ReasonRateLimited, noon.Add(30*time.Second)))
		Expect(w.invitation("a3")().Status.Attempts).To(BeZero())
		Expect(w.holders(base)).To(Equal([]string{"a1", "a2", "a3"}), "members whose mail waits have a seat")
		o.settles()
		Expect(w.mailed()).To(Equal([]string{"a1"}))

		// A mail that fails to claim its attempt keeps its reservation for ten seconds only: the clock may leap past them.
		for steps := 1; len(w.mailed()) < 3 && steps <= 10; steps++ {
			w.clock.Step(15 * time.Second)
			w.touch()
			o.settles()
			Expect(len(w.mailed())).To(BeNumerically("<=", 1+steps))
		}
		Expect(w.mailed()).To(ConsistOf("a1", "a2", "a3"))
		Eventually(w.member("a3")).Should(beInvited)
		Expect(w.invitation("a3")().Status.NextAttemptAt).To(BeNil())
	})

	It("lets mails go by the manager's own timer", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		w.editMail(func(d map[string][]byte) { d["rateLimit"] = []byte("30") })
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(9).Build())
		w.start()
		names := []string{"a1", "a2", "a3", "a4", "a5"}
		w.hire(names...)
		var sent []int64
		for _, name := range names {
			Eventually(w.member(name)).Should(beInvited)
			sent = append(sent, w.invitation(name)().Status.SentAt.Unix())
		}
		Expect(slices.Max(sent)-slices.Min(sent)).To(BeNumerically(">=", 7), "two seconds between mails, in whole seconds")
	})

	It("holds the sixth mail within an hour to one address, whatever a script does", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		noon := time.Now().Truncate(time.Second)
		w.clock.StopAt(noon)
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(9).Build())
		o := w.start()
		w.hire("ada")
		for n := range 5 {
			Eventually(func() int { return len(w.mails("ada")) }).Should(Equal(n + 1))
			Eventually(w.member("ada")).Should(beInvited)
			w.clock.Step(time.Minute)
			w.resend("ada")
		}
		free := noon.Add(time.Hour)
		Eventually(w.member("ada")).Should(sayWhy("The limit for one recipient, 5 mails within an hour, is reached", free))
		Expect(w.invitation("ada")()).To(waitFor(usherv1.ReasonRecipientLimited, free))
		Expect(w.invitation("ada")().Status.SentAt).NotTo(BeNil(), "the mail that was sent before is still recorded")
		w.resend("ada")

		By("restarting the manager")
		o.stop()
		o = w.start()
		w.resend("ada")
		Eventually(func() int64 { return w.invitation("ada")().Status.ObservedGeneration }).Should(BeEquivalentTo(w.invitation("ada")().Generation))
		o.settles()
		Expect(w.mails("ada")).To(HaveLen(5))
		Expect(w.invitation("ada")()).To(waitFor(usherv1.ReasonRecipientLimited, free))

		By("waiting until the hold is over")
		w.clock.StopAt(free)
		w.touch()
		Eventually(w.member("ada")).Should(beInvited)
		o.settles()
		Expect(w.mails("ada")).To(HaveLen(6))
	})

	It("also holds mails to a new member, another account's member, or the address in capitals", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		noon := time.Now().Truncate(time.Second)
		w.clock.StopAt(noon)
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(9).Build())
		w.create(testkit.Account("other").Build(), testkit.SeatPool("other-base").Account("other").Seats(9).Build())
		w.start()
		for n := range 5 {
			name := fmt.Sprint("m", n)
			w.create(testkit.Member(name).Email("ada@acme.example").Build())
			Eventually(w.member(name)).Should(beInvited)
			w.remove(testkit.Member(name).Build())
			Eventually(exists(w, testkit.Member(name).Build())).Should(BeFalse())
		}
		w.create(testkit.Member("anew").Email("ada@acme.example").Build())
		w.create(testkit.Member("elsewhere").Account("other").Email("ADA@Acme.example").Build())
		for _, name := range []string{"anew", "elsewhere"} {
			Eventually(w.member(name)).Should(sayWhy("The limit for one recipient, 5 mails within an hour, is reached", noon.Add(time.Hour)))
		}
		w.create(testkit.Member("bob").Build())
		Eventually(w.member("bob")).Should(beInvited)
		Expect(w.mails("ada")).To(HaveLen(5))
		w.editMember("anew", func(m *usherv1.Member) { m.Spec.Email = "countess@acme.example" })
		Eventually(w.member("anew")).Should(beInvited)
	})

	It("of a recipient does not count what another namespace sends through a server of its own", func(ctx SpecContext) {
		w := newWorld(ctx, smtpsink.Options{})
		w.clock.StopAt(time.Now().Truncate(time.Second))
		other, own := testkit.Namespace(ctx, server), startSink(smtpsink.Options{})
		put := func(objects ...client.Object) {
			GinkgoHelper()
			for _, o := range objects {
				o.SetNamespace(other)
				Expect(w.api.Create(ctx, o)).To(Succeed())
			}
		}
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(9).Build())
		secret := w.mailSecret("own", own)
		secret.Data["host"] = []byte("localhost") // another host than the shared server's
		put(secret, testkit.Account("stranger").MailSecret("own").Build(),
			testkit.SeatPool("stranger-base").Account("stranger").Seats(9).Build())
		w.start(func(o *app.Options) { o.WatchNamespaces = w.namespace + "," + other })
		for n := range 5 {
			m := testkit.Member(fmt.Sprint("m", n)).Account("stranger").Email("ada@acme.example").Build()
			put(m)
			Eventually(own.Mails).Should(HaveLen(n + 1))
			Expect(w.api.Delete(ctx, m)).To(Succeed())
		}
		put(testkit.Member("sixth").Account("stranger").Email("ada@acme.example").Build())
		sixth := func() *usherv1.Member {
			m := testkit.Member("sixth").Build()
			Expect(w.api.Get(ctx, client.ObjectKey{Namespace: other, Name: "sixth"}, m)).To(Succeed())
			return m
		}
		Eventually(sixth).Should(sayWhy("The limit for one recipient", w.clock.Now().Add(time.Hour)))

		w.hire("ada")
		Eventually(w.member("ada")).Should(beInvited)
		Expect(w.mailed()).To(Equal([]string{"ada"}))

		By("sending a mail that waits for the shared server through a server of the account's own")
		for n := range 4 {
			w.resend("ada")
			Eventually(func() int { return len(w.mails("ada")) }).Should(Equal(n + 2))
			Eventually(w.invitation("ada")).Should(HaveField("Status.State", usherv1.InvitationSent))
		}
		w.editMail(func(d map[string][]byte) { d["rateLimit"] = []byte("1") })
		w.hire("bob", "cat")
		Eventually(func() []string { return w.mailed()[5:] }).Should(HaveLen(1))
		late := "cat"
		if w.mailed()[5] == "cat" {
			late = "bob"
		}
		Eventually(w.invitation(late)).Should(testkit.HaveCondition(usherv1.ConditionReady, metav1.ConditionFalse, usherv1.ReasonRateLimited))
		acme := startSink(smtpsink.Options{})
		w.create(w.mailSecret("acme-smtp", acme))
		edit(w, testkit.Account("acme").Build(), func(a *usherv1.Account) {
			a.Spec.Mail = &usherv1.AccountMail{SecretRef: &usherv1.SecretReference{Name: "acme-smtp"}}
		})
		Eventually(w.member(late)).Should(beInvited)
		Expect(acme.Mails()).To(HaveLen(1))
	})

	It("of one server does not apply to others: servers that answer one byte a second delay neither other mails nor seats", func(ctx SpecContext) {
		const slowOnes = 12
		drip := func(verbs ...smtpsink.Verb) *smtpsink.Scripted {
			answers := map[smtpsink.Verb]smtpsink.Answer{}
			for _, verb := range verbs {
				answers[verb] = smtpsink.Answer{Drip: time.Second}
			}
			s, err := smtpsink.StartScripted(smtpsink.ScriptedOptions{Script: smtpsink.On(answers)})
			Expect(err).NotTo(HaveOccurred())
			return s
		}
		tarpit, deaf := drip(smtpsink.MAIL, smtpsink.RCPT), drip(smtpsink.Greeting, smtpsink.EHLO)
		w := newWorld(ctx, smtpsink.Options{})
		// Two Secrets lead to the server that greets and is then slow, and one to the server that does not greet.
		for name, server := range map[string]*smtpsink.Scripted{"slow1": tarpit, "slow2": tarpit, "deaf": deaf} {
			w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string][]byte{
				"host": []byte(server.Host), "port": []byte(strconv.Itoa(server.Port)), "from": []byte("a@acme.example"), "tls": []byte("None"),
				"heloName": []byte(name + ".example"),
			}})
			w.create(testkit.Account(name).MailSecret(name).Build(), testkit.SeatPool(name+"-base").Account(name).Seats(slowOnes).Build())
		}
		w.create(testkit.Account("acme").Build(), testkit.SeatPool(base).Seats(slowOnes).Build())
		o := w.start(func(o *app.Options) { o.MailWorkers = 4 })
		DeferCleanup(tarpit.Close) // before the manager stops, since it waits for its conversations
		DeferCleanup(deaf.Close)
		for i := range slowOnes {
			for _, account := range []string{"slow1", "slow2", "deaf"} {
				w.create(testkit.Member(fmt.Sprintf("%s-%d", account, i)).Account(account).Build())
			}
		}
		talking := func() int {
			mails := map[int]bool{}
			for _, event := range tarpit.Heard() {
				if event.Verb == smtpsink.MAIL {
					mails[event.Connection] = true
				}
			}
			return len(mails)
		}
		Eventually(talking).Should(Equal(1), "it has half of the slots, and one namespace takes half of those")

		began := time.Now()
		names := make([]string, slowOnes)
		for i := range names {
			names[i] = fmt.Sprint("m", i)
		}
		w.hire(names...)
		for _, name := range names {
			Eventually(w.member(name)).Should(beInvited)
		}
		Expect(w.mailed()).To(ConsistOf(names))
		for _, account := range []string{"slow1", "slow2", "deaf"} {
			Eventually(func() []string { return w.holders(account + "-base") }).Should(HaveLen(slowOnes), "slow servers do not delay seats")
		}
		GinkgoWriter.Printf("%d invited in %s, with slow servers for three other accounts\n", slowOnes, time.Since(began).Round(time.Millisecond))
		Expect(talking()).To(Equal(1), "no more, although two Secrets lead to it")
		reads := len(o.secrets.Reads())
		Consistently(func() int { return len(o.secrets.Reads()) - reads }, "2s").Should(BeNumerically("<", 20), "waiting mails cost few reads")
	})
})
