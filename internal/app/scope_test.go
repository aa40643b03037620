// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/app"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// A platform often runs the manager in a namespace of its own, and lets it watch those of its tenants only. Every feature must work that
// reads something from the manager's namespace, or hears of a change there.
var _ = Describe("a manager that does not watch its own namespace", func() {
	var (
		api            client.Client
		home, tenant   string
		o              app.Options
		byDefault, own *smtpsink.Sink
		logged         *gbytes.Buffer
	)
	create := func(namespace string, objects ...client.Object) {
		GinkgoHelper()
		for _, object := range objects {
			object.SetNamespace(namespace)
			Expect(api.Create(context.Background(), object)).To(Succeed())
		}
	}
	sink := func() *smtpsink.Sink {
		GinkgoHelper()
		s, err := smtpsink.Start(smtpsink.Options{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(s.Close)
		return s
	}
	smtp := func(name string, s *smtpsink.Sink) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: s.Secret("Platform <no-reply@platform.example>")}
	}
	account := func(name string) func() *usherv1.Account {
		return func() *usherv1.Account {
			a := testkit.Account(name).In(tenant).Build()
			Expect(api.Get(context.Background(), client.ObjectKeyFromObject(a), a)).To(Succeed())
			return a
		}
	}
	member := func(name string) func() *usherv1.Member {
		return func() *usherv1.Member {
			m := testkit.Member(name).In(tenant).Build()
			Expect(client.IgnoreNotFound(api.Get(context.Background(), client.ObjectKeyFromObject(m), m))).To(Succeed())
			return m
		}
	}
	mailReady := func(reason string) OmegaMatcher {
		status := metav1.ConditionFalse
		if reason == usherv1.ReasonMailReady {
			status = metav1.ConditionTrue
		}
		return testkit.HaveCondition(usherv1.ConditionMailReady, status, reason)
	}
	mailTo := func(ctx context.Context, s *smtpsink.Sink, name string) smtpsink.Mail {
		GinkgoHelper()
		mail, err := s.AwaitMailTo(ctx, name+"@acme.example")
		Expect(err).NotTo(HaveOccurred())
		return mail
	}

	BeforeEach(func(ctx SpecContext) {
		logged = gbytes.NewBuffer()
		GinkgoWriter.TeeTo(logged)
		DeferCleanup(GinkgoWriter.ClearTeeWriters)
		api, home, tenant = testkit.Client(server.Config()), testkit.Namespace(ctx, server), testkit.Namespace(ctx, server)
		byDefault, own = sink(), sink()
		o = options(home)
		o.Kubeconfig = limited(ctx, home, tenant)
		o.WatchNamespaces, o.MetricsBindAddress, o.MetricsSecure = tenant, address(), true
		o.TestHooks.PollKeys = 200 * time.Millisecond
		create(tenant, testkit.Account("acme").Build(), testkit.SeatPool("acme-base").Seats(5).Build())
	})

	It("sends through the default SMTP Secret, and hears of its changes", func(ctx SpecContext) {
		run(o)
		create(tenant, testkit.Member("ada").Build())
		Eventually(account("acme")).Should(mailReady(usherv1.ReasonSecretNotFound))
		create(home, smtp("usher-smtp", byDefault))
		Expect(mailTo(ctx, byDefault, "ada").Link()).To(HavePrefix(o.PortalURL + "i/" + tenant + "/ada/"))
		Eventually(account("acme")).Should(mailReady(usherv1.ReasonMailReady))

		secret := smtp("usher-smtp", byDefault)
		secret.Namespace = home
		delete(secret.Data, "from")
		Expect(api.Update(ctx, secret)).To(Succeed())
		Eventually(account("acme")).Should(mailReady(usherv1.ReasonSecretInvalid))
		secret.Data = own.Secret("Platform <no-reply@platform.example>")
		Expect(api.Update(ctx, secret)).To(Succeed())
		Eventually(account("acme")).Should(mailReady(usherv1.ReasonMailReady))
		create(tenant, testkit.Member("bob").Build())
		mailTo(ctx, own, "bob")
		Expect(byDefault.Mails()).To(HaveLen(1))
		Expect(logged.Contents()).NotTo(ContainSubstring("unknown namespace"))
	}, SpecTimeout(2*time.Minute))

	It("sends through an account's own SMTP Secret, in its own words, and announces the end of access", func(ctx SpecContext) {
		run(o)
		until := metav1.NewTime(time.Now().Add(72 * time.Hour).Truncate(time.Second))
		cat := testkit.Member("cat").Account("own").Immediate().Build()
		cat.Spec.AccessUntil = &until
		create(tenant, testkit.Account("own").MailSecret("own-smtp").Templates("own-mails").Build(), testkit.SeatPool("own-base").Account("own").Seats(5).Build(),
			smtp("own-smtp", own), cat,
			&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "own-mails"}, Data: map[string]string{
				"en-GB.invitation.subject": "Come in", "en-GB.invitation.txt": "{{.Link}}", "en-GB.invitation.html": `<a href="{{.Link}}">x</a>`,
			}})
		Eventually(account("own")).Should(And(mailReady(usherv1.ReasonMailReady),
			testkit.HaveCondition(usherv1.ConditionTemplatesReady, metav1.ConditionTrue)))
		create(tenant, testkit.Member("bob").Account("own").Build())
		Expect(mailTo(ctx, own, "bob").Subject).To(Equal("Come in"))
		mailTo(ctx, own, "cat")
		Eventually(member("cat")).Should(HaveField("Status.EndNotices", ContainElement(HaveField("State", usherv1.EndNoticeSent))))
		Expect(byDefault.Mails()).To(BeEmpty())
		Expect(logged.Contents()).NotTo(ContainSubstring("unknown namespace"))
	}, SpecTimeout(2*time.Minute))

	It("gives access, keeps the password file, and serves the portal and the links", func(ctx SpecContext) {
		plan := testkit.Plan(tenant).Rights("orders:place").Admin("admin").Role("seller", "orders:place").Build()
		Expect(api.Create(ctx, plan)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { _ = api.Delete(ctx, plan) })
		a := account("acme")()
		a.Spec.PlanRef = &usherv1.PlanReference{Name: plan.Name}
		a.Spec.Access = &usherv1.AccountAccess{HtpasswdSecret: "acme-htpasswd"}
		Expect(api.Update(ctx, a)).To(Succeed())
		create(home, smtp("usher-smtp", byDefault))
		create(tenant, testkit.Member("ada").Role("admin").Build(), testkit.Member("bob").Role("seller").Build())
		run(o)
		link := mailTo(ctx, byDefault, "ada").Link()
		Expect(status(link)).To(Equal(http.StatusOK), "the portal reads the key from the manager's namespace")
		Expect(api.Get(ctx, client.ObjectKey{Namespace: home, Name: "usher-token-key"}, &corev1.Secret{})).To(Succeed())
		support := visitor(ctx, api, tenant, "support", "bob")
		Eventually(func() string { return ask(http.MethodGet, o.MetricsBindAddress, tenant, "bob", support).Link }).
			Should(HavePrefix(o.PortalURL + "i/" + tenant + "/bob/"))

		Expect(post(link)).To(Equal(http.StatusSeeOther))
		Expect(post(mailTo(ctx, byDefault, "bob").Link())).To(Equal(http.StatusSeeOther))
		Eventually(member("ada")).Should(testkit.HaveCondition(usherv1.ConditionActive, metav1.ConditionTrue, usherv1.ReasonAccepted))
		subjects := func() (names []string) {
			var bindings rbacv1.RoleBindingList
			Expect(api.List(ctx, &bindings, client.InNamespace(tenant), client.HasLabels{usherv1.AccountLabel})).To(Succeed())
			for _, binding := range bindings.Items {
				for _, subject := range binding.Subjects {
					names = append(names, subject.Name)
				}
			}
			return names
		}
		Eventually(subjects).Should(ContainElement("bob@acme.example"))
		lines := func() string {
			file := &corev1.Secret{}
			Expect(client.IgnoreNotFound(api.Get(ctx, client.ObjectKey{Namespace: tenant, Name: "acme-htpasswd"}, file))).To(Succeed())
			return string(file.Data["auth"])
		}
		Eventually(lines).Should(And(ContainSubstring("ada@acme.example:"), ContainSubstring("bob@acme.example:")))
		changeProfile(o.PortalURL, tenant)
		Eventually(member("ada")).Should(HaveField("Status.DisplayName", "Augusta King"))

		By("rotating the token key: acceptances are signed anew")
		signedWith := func() string {
			secret := &corev1.Secret{}
			Expect(api.Get(ctx, client.ObjectKey{Namespace: tenant, Name: "usher-member-ada"}, secret)).To(Succeed())
			return secret.Annotations[usherv1.KeyIDAnnotation]
		}
		before, keys := signedWith(), &corev1.Secret{}
		Expect(api.Get(ctx, client.ObjectKey{Namespace: home, Name: "usher-token-key"}, keys)).To(Succeed())
		keys.Data["previous"], keys.Data["current"] = keys.Data["current"], bytes.Repeat([]byte{1}, 32)
		Expect(api.Update(ctx, keys)).To(Succeed())
		Eventually(signedWith).ShouldNot(Equal(before))

		bob := member("bob")()
		bob.Spec.State = usherv1.StateDisabled
		Expect(api.Update(ctx, bob)).To(Succeed())
		Eventually(subjects).ShouldNot(ContainElement("bob@acme.example"))
		Eventually(lines).ShouldNot(ContainSubstring("bob@"))
		Expect(logged.Contents()).NotTo(ContainSubstring("unknown namespace"))
	}, SpecTimeout(2*time.Minute))

	It("leaves everything else in its namespace alone", func(ctx SpecContext) {
		managed := func(name string, labels map[string]string) *corev1.Secret {
			return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Data: map[string][]byte{"auth": []byte("x")}}
		}
		create(tenant, testkit.Member("ada").Build())
		a := account("acme")()
		a.Spec.Access = &usherv1.AccountAccess{HtpasswdSecret: "acme-htpasswd"}
		Expect(api.Update(ctx, a)).To(Succeed())
		run(o)
		Eventually(func() error {
			return api.Get(ctx, client.ObjectKey{Namespace: tenant, Name: "acme-htpasswd"}, &corev1.Secret{})
		}).Should(Succeed())
		file := &corev1.Secret{}
		Expect(api.Get(ctx, client.ObjectKey{Namespace: tenant, Name: "acme-htpasswd"}, file)).To(Succeed())
		secrets := []client.Object{managed("usher-member-ada", nil), managed("usher-company-acme", nil), managed("acme-htpasswd", file.Labels)}
		create(home, secrets...)
		create(home, testkit.Member("eve").Build(), testkit.Account("acme").Build())
		create(home, smtp("usher-smtp", byDefault)) // the last change there that the manager hears of
		mailTo(ctx, byDefault, "ada")
		for _, secret := range secrets {
			version := secret.GetResourceVersion()
			err := api.Get(ctx, client.ObjectKeyFromObject(secret), secret)
			Expect(apierrors.IsNotFound(err)).To(BeFalse(), secret.GetName()+" was deleted")
			Expect(err).NotTo(HaveOccurred())
			Expect(secret.GetResourceVersion()).To(Equal(version))
		}
		eve := testkit.Member("eve").In(home).Build()
		Expect(api.Get(ctx, client.ObjectKeyFromObject(eve), eve)).To(Succeed())
		Expect(eve.Finalizers).To(BeEmpty())
		told := string(logged.Contents())
		Expect(strings.Contains(told, "unknown namespace")).To(BeFalse(), "no error is logged again and again")
	}, SpecTimeout(time.Minute))
})
