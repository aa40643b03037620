// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
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

var _ = Describe("A tenant that is hard on the manager", func() {
	// fairly is how soon others are served, on a busy machine.
	const fairly = 10 * time.Second
	var (
		w   *world
		hot string
	)
	// tenants creates a world and other tenants beside it, and starts a manager for all.
	tenants := func(ctx context.Context, others ...string) {
		GinkgoHelper()
		watched := strings.Join(append(others, w.namespace), ",")
		w.start(func(o *app.Options) { o.WatchNamespaces, o.TenantWording = watched, true })
	}
	put := func(namespace string, objects ...client.Object) {
		GinkgoHelper()
		for _, o := range objects {
			o.SetNamespace(namespace)
			Expect(w.api.Create(context.Background(), o)).To(Succeed())
		}
	}
	// slow is a server that answers these verbs one byte a second.
	slow := func(verbs ...smtpsink.Verb) *smtpsink.Scripted {
		GinkgoHelper()
		answers := map[smtpsink.Verb]smtpsink.Answer{}
		for _, verb := range verbs {
			answers[verb] = smtpsink.Answer{Drip: time.Second}
		}
		s, err := smtpsink.StartScripted(smtpsink.ScriptedOptions{Script: smtpsink.On(answers)})
		Expect(err).NotTo(HaveOccurred())
		return s
	}
	secretFor := func(name string, server *smtpsink.Scripted) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string][]byte{
			"host": []byte(server.Host), "port": []byte(strconv.Itoa(server.Port)), "from": []byte("a@acme.example"), "tls": []byte("None"),
		}}
	}
	// since measures what takes how long.
	since := func(began time.Time, what string) {
		AddReportEntry(what, time.Since(began).Round(time.Millisecond).String())
		GinkgoWriter.Printf("%s: %s\n", what, time.Since(began).Round(time.Millisecond))
	}

	It("does not keep another tenant's disabled admin in with 200 accounts on a huge ConfigMap", func(ctx SpecContext) {
		w, hot = newWorld(ctx, smtpsink.Options{}), testkit.Namespace(ctx, server)
		plan := testkit.Plan(w.namespace).Rights("orders:place").Admin("admin").Build()
		Expect(w.api.Create(ctx, plan)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(w.api.Delete(ctx, plan)).To(Succeed()) })
		acme := testkit.Account(testkit.DefaultAccount).Build()
		acme.Spec.PlanRef = &usherv1.PlanReference{Name: plan.Name}
		w.create(acme, testkit.SeatPool(base).Seats(3).Build())
		w.create(testkit.Member("ada").Role("admin").Immediate().Build(), testkit.Member("bob").Role("admin").Immediate().Build())
		tenants(ctx, hot)
		allowed := func(name string) func() bool {
			return func() bool { GinkgoHelper(); return w.may(name+"@acme.example", "place", "rights.usher.dev", "orders") }
		}
		Eventually(allowed("ada")).Should(BeTrue())

		words := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "words"}, Data: map[string]string{}}
		for _, language := range []string{"de", "en-GB", "es", "fr", "it", "nl"} {
			words.Data[language+".invitation.txt"] = strings.Repeat("{{.Role}}", 7_000) + "\n{{.Link}}\n"
			words.Data[language+".invitation.html"] = `<a href="{{.Link}}">x</a>` + strings.Repeat("{{.Role}}", 7_000)
		}
		put(hot, words)
		for n := range 200 {
			put(hot, testkit.Account(fmt.Sprint("account-", n)).Templates("words").Build())
		}
		stop, stopped := context.WithCancel(ctx)
		var editing sync.WaitGroup
		editing.Go(func() { // every edit concerns all 200 accounts
			defer GinkgoRecover()
			for n := 0; stop.Err() == nil; n++ {
				words.Annotations = map[string]string{"edited": fmt.Sprint(n)}
				Expect(w.api.Update(ctx, words)).To(Succeed())
				select {
				case <-stop.Done():
				case <-time.After(500 * time.Millisecond):
				}
			}
		})
		defer editing.Wait()
		defer stopped()

		began := time.Now()
		w.disable("ada")
		Eventually(allowed("ada")).WithTimeout(fairly).Should(BeFalse())
		since(began, "a disabled admin of another tenant loses access")
		began = time.Now()
		edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) { a.Spec.State = usherv1.StateDisabled })
		Eventually(w.account).WithTimeout(fairly).Should(HaveField("Status.State", usherv1.ObservedDisabled))
		since(began, "another tenant's account is Disabled")
		Eventually(allowed("bob")).WithTimeout(fairly).Should(BeFalse())
		account := testkit.Account("account-199").In(hot).Build()
		Eventually(func() *usherv1.Account {
			Expect(w.api.Get(ctx, client.ObjectKeyFromObject(account), account)).To(Succeed())
			return account
		}).Should(testkit.HaveCondition(usherv1.ConditionTemplatesReady, metav1.ConditionFalse, usherv1.ReasonTemplateInvalid))
	}, SpecTimeout(3*time.Minute))

	It("delays no mails of others with two slow mail servers", func(ctx SpecContext) {
		const each = 12
		w, hot = newWorld(ctx, smtpsink.Options{}), testkit.Namespace(ctx, server)
		other, own := testkit.Namespace(ctx, server), startSink(smtpsink.Options{})
		servers := []*smtpsink.Scripted{slow(smtpsink.MAIL), slow(smtpsink.MAIL)}
		for n, tarpit := range servers {
			name := fmt.Sprint("slow", n)
			put(hot, secretFor(name, tarpit), testkit.Account(name).MailSecret(name).Build(),
				testkit.SeatPool(name).Account(name).Seats(each).Build())
			for i := range each {
				put(hot, testkit.Member(fmt.Sprint(name, "-", i)).Account(name).Build())
			}
		}
		w.create(testkit.Account(testkit.DefaultAccount).Build(), testkit.SeatPool(base).Seats(each).Build())
		put(other, w.mailSecret("own", own), testkit.Account("other").MailSecret("own").Build(), testkit.SeatPool("other").Account("other").Seats(each).Build())
		tenants(ctx, hot, other)
		for _, tarpit := range servers {
			DeferCleanup(tarpit.Close) // before the manager stops, since it waits for its conversations
		}
		talking := func() (n int) {
			mails := map[string]bool{}
			for i, tarpit := range servers {
				for _, event := range tarpit.Heard() {
					if event.Verb == smtpsink.MAIL {
						mails[fmt.Sprint(i, event.Connection)] = true
					}
				}
			}
			return len(mails)
		}
		Eventually(talking).Should(BeNumerically(">=", 3))
		Consistently(talking, "2s").Should(BeNumerically(">=", 3), "time to take all the workers that it gets")

		for i := range each {
			name := fmt.Sprint("m", i)
			w.create(testkit.Member(name).Build())
			put(other, testkit.Member(name).Account("other").Build())
		}
		began := time.Now()
		Eventually(w.mailed).WithTimeout(fairly).Should(HaveLen(each))
		since(began, "12 mails of a tenant on the default server")
		Eventually(own.Mails).WithTimeout(fairly).Should(HaveLen(each))
		since(began, "12 mails of a tenant on its own server")
		Expect(talking()).To(Equal(3), "the hot tenant has its share")
	}, SpecTimeout(2*time.Minute))

	It("delays no probe of others with a dozen servers that do not greet", func(ctx SpecContext) {
		w, hot = newWorld(ctx, smtpsink.Options{}), testkit.Namespace(ctx, server)
		other, own := testkit.Namespace(ctx, server), startSink(smtpsink.Options{})
		var servers []*smtpsink.Scripted
		for n := range 12 {
			name := fmt.Sprint("deaf", n)
			servers = append(servers, slow(smtpsink.Greeting))
			put(hot, secretFor(name, servers[n]), testkit.Account(name).MailSecret(name).Build())
		}
		tenants(ctx, hot, other)
		for _, deaf := range servers {
			DeferCleanup(deaf.Close)
		}
		asked := func() (n int) {
			for _, deaf := range servers {
				n += min(1, len(deaf.Heard()))
			}
			return n
		}
		Eventually(asked).Should(BeNumerically(">=", 3))
		Consistently(asked, "2s").Should(BeNumerically(">=", 3), "time to take all the workers that it gets")

		began := time.Now()
		w.create(testkit.Account(testkit.DefaultAccount).Build())
		put(other, w.mailSecret("own", own), testkit.Account("other").MailSecret("own").Build())
		ready := testkit.HaveCondition(usherv1.ConditionMailReady, metav1.ConditionTrue, usherv1.ReasonMailReady)
		Eventually(w.account).WithTimeout(fairly).Should(ready)
		since(began, "the default server is probed")
		account := testkit.Account("other").In(other).Build()
		Eventually(func() *usherv1.Account {
			Expect(w.api.Get(ctx, client.ObjectKeyFromObject(account), account)).To(Succeed())
			return account
		}).WithTimeout(fairly).Should(ready)
		since(began, "another tenant's server is probed")
		Expect(asked()).To(BeNumerically("<=", 4), "the hot tenant has its share")
	}, SpecTimeout(2*time.Minute))
})
