// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/app"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// address returns a free port of the loopback address.
func address() string {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer listener.Close()
	return listener.Addr().String()
}

// options returns those of a manager in a namespace of its own, with a portal and probes.
func options(namespace string) app.Options {
	portal := address()
	return app.Options{
		Kubeconfig: server.KubeconfigPath(), Namespace: namespace, WatchNamespaces: namespace,
		SMTPSecret: "usher-smtp", TokenSecret: "usher-token-key", PortalURL: "http://" + portal + "/", PortalBindAddress: portal,
		MetricsBindAddress: "0", HealthProbeBindAddress: address(), MailWorkers: 2, SMTPAllow: "127.0.0.0/8:*",
		TestHooks: app.TestHooks{Several: true},
	}
}

// run runs a manager until stop or the end of the spec.
func run(o app.Options) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer GinkgoRecover()
		defer close(done)
		Expect(app.Run(ctx, o)).To(Succeed())
	}()
	stop = func() {
		cancel()
		Eventually(done).Should(BeClosed())
	}
	DeferCleanup(stop)
	return stop
}

// status returns the HTTP status of a page, or 0 if nothing listens.
func status(page string) int {
	insecure := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DisableKeepAlives: true} //nolint:gosec // its certificate is its own
	browser := http.Client{Transport: insecure, Timeout: 10 * time.Second}
	response, err := browser.Get(page)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

func post(link string) int {
	GinkgoHelper()
	return postForm(link, url.Values{
		"action": {"accept"}, "given_name": {"Ada"}, "family_name": {"Lovelace"}, "terms": {"on"},
		"password": {"correct horse battery"}, "password_confirm": {"correct horse battery"},
	})
}

// postForm posts a form of a link.
func postForm(link string, form url.Values) int {
	GinkgoHelper()
	browser := http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request,
		[]*http.Request) error {
		return http.ErrUseLastResponse
	}}
	response, err := browser.PostForm(link, form)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	return response.StatusCode
}

// changeProfile signs Ada in, changes her name and sets her company's contact.
func changeProfile(portal, namespace string) {
	GinkgoHelper()
	jar, err := cookiejar.New(nil)
	Expect(err).NotTo(HaveOccurred())
	page := strings.TrimSuffix(portal, "/") + "/me/" + namespace + "/acme" // members of other specs have the same address
	browser := http.Client{Timeout: 20 * time.Second, Jar: jar}
	for _, form := range []url.Values{
		{"action": {"sign-in"}, "email": {"ADA@acme.example"}, "password": {"correct horse battery"}},
		{"action": {"details"}, "given_name": {"Augusta"}, "family_name": {"King"}},
		{"action": {"company"}, "contact_email": {"desk@acme.example"}},
		{"action": {"company"}, "contact_email": {"it@acme.example"}},
	} {
		response, err := browser.PostForm(page, form)
		Expect(err).NotTo(HaveOccurred())
		response.Body.Close()
		Expect(response.StatusCode).To(Equal(http.StatusOK), "%v", form["action"])
		Expect(response.Request.URL.Path).To(HavePrefix("/me/"))
	}
}

// newAccount creates an account with one seat, and a mail server.
func newAccount(api client.Client, namespace string) *smtpsink.Sink {
	GinkgoHelper()
	sink, err := smtpsink.Start(smtpsink.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(sink.Close)
	for _, o := range []client.Object{
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "usher-smtp", Namespace: namespace},
			Data:       sink.Secret("Acme <no-reply@acme.example>"),
		},
		testkit.Account("acme").In(namespace).Build(),
		testkit.SeatPool("acme-base").In(namespace).Seats(1).Build(),
	} {
		Expect(api.Create(context.Background(), o)).To(Succeed())
	}
	return sink
}

func memberOf(api client.Client, namespace string) func() *usherv1.Member {
	return func() *usherv1.Member {
		m := testkit.Member("ada").In(namespace).Build()
		Expect(client.IgnoreNotFound(api.Get(context.Background(), client.ObjectKeyFromObject(m), m))).To(Succeed())
		return m
	}
}

var _ = Describe("the manager", func() {
	var (
		api       client.Client
		namespace string
	)
	BeforeEach(func(ctx SpecContext) {
		api, namespace = testkit.Client(server.Config()), testkit.Namespace(ctx, server)
	})

	It("takes a member from YAML to Active through its own portal", func(ctx SpecContext) {
		o := options(namespace)
		sink := newAccount(api, namespace)
		run(o)
		Eventually(func() int { return status("http://" + o.HealthProbeBindAddress + "/readyz") }).Should(Equal(http.StatusOK))
		Expect(status("http://" + o.HealthProbeBindAddress + "/healthz")).To(Equal(http.StatusOK))
		Expect(status(o.PortalURL + "healthz")).To(Equal(http.StatusOK))

		Expect(api.Create(ctx, testkit.Member("ada").In(namespace).Build())).To(Succeed())
		mail, err := sink.AwaitMailTo(ctx, "ada@acme.example")
		Expect(err).NotTo(HaveOccurred())
		Expect(mail.Link()).To(HavePrefix(o.PortalURL+"i/"), "one slash")
		Expect(status(mail.Link())).To(Equal(http.StatusOK))
		Expect(post(mail.Link())).To(Equal(http.StatusSeeOther))
		Eventually(memberOf(api, namespace)).Should(testkit.HaveCondition(usherv1.ConditionActive, metav1.ConditionTrue, usherv1.ReasonAccepted))
		Expect(status(mail.Link())).To(Equal(http.StatusGone))
	}, SpecTimeout(time.Minute))

	It("needs no more rights than config/rbac grants", func(ctx SpecContext) {
		user, err := manager()
		Expect(err).NotTo(HaveOccurred())
		kubeconfig := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
		Expect(os.WriteFile(kubeconfig, user.Kubeconfig(), 0o600)).To(Succeed())
		o := options("usher-system")
		o.Kubeconfig, o.WatchNamespaces, o.LeaderElect = kubeconfig, "", true
		sink := newAccount(api, "usher-system")
		run(o)

		Expect(api.Create(ctx, testkit.Member("ada").In("usher-system").Role("admin").Build())).To(Succeed())
		mail, err := sink.AwaitMailTo(ctx, "ada@acme.example")
		Expect(err).NotTo(HaveOccurred())
		member := memberOf(api, "usher-system")
		Eventually(member).Should(testkit.HaveCondition(usherv1.ConditionPending, metav1.ConditionTrue, usherv1.ReasonAwaitingAcceptance))
		Expect(post(mail.Link())).To(Equal(http.StatusSeeOther))
		Eventually(member).Should(testkit.HaveCondition(usherv1.ConditionActive, metav1.ConditionTrue))
		changeProfile(o.PortalURL, "usher-system")
		Eventually(member).Should(HaveField("Status.DisplayName", "Augusta King"))
		ada := member()
		ada.Spec.Email = "countess@acme.example"
		Expect(api.Update(ctx, ada)).To(Succeed())
		Eventually(member).Should(HaveField("Status.ObservedGeneration", BeEquivalentTo(2)))
		Expect(api.Delete(ctx, ada)).To(Succeed())
		Expect(api.Delete(ctx, testkit.SeatPool("acme-base").In("usher-system").Build())).To(Succeed())
		Eventually(member).Should(HaveField("UID", BeEmpty()))
		Eventually(func() bool {
			pool := testkit.SeatPool("acme-base").In("usher-system").Build()
			return apierrors.IsNotFound(api.Get(ctx, client.ObjectKeyFromObject(pool), pool))
		}).Should(BeTrue())
	}, SpecTimeout(2*time.Minute))

	It("serves the portal without leading, and takes over when the leader stops", func(ctx SpecContext) {
		sink := newAccount(api, namespace)
		one, two := options(namespace), options(namespace)
		one.LeaderElect, two.LeaderElect = true, true
		two.PortalURL = one.PortalURL
		stop := run(one)
		Expect(api.Create(ctx, testkit.Member("ada").In(namespace).Build())).To(Succeed())
		mail, err := sink.AwaitMailTo(ctx, "ada@acme.example")
		Expect(err).NotTo(HaveOccurred())
		run(two)
		here := strings.Replace(mail.Link(), strings.TrimSuffix(one.PortalURL, "/"), "http://"+two.PortalBindAddress, 1)
		Eventually(func() int { return status(here) }).Should(Equal(http.StatusOK))
		Eventually(func() int { return status("http://" + two.HealthProbeBindAddress + "/readyz") }).Should(Equal(http.StatusOK))

		stop()
		Expect(status(mail.Link())).To(BeZero())
		Expect(post(here)).To(Equal(http.StatusSeeOther))
		Eventually(memberOf(api, namespace)).Should(testkit.HaveCondition(usherv1.ConditionActive, metav1.ConditionTrue))
		Expect(sink.Mails()).To(HaveLen(1))
	}, SpecTimeout(2*time.Minute))

	It("ignores namespaces that it does not watch", func(ctx SpecContext) {
		elsewhere := testkit.Namespace(ctx, server)
		sink := newAccount(api, namespace)
		newAccount(api, elsewhere)
		o := options(namespace)
		run(o)
		Expect(api.Create(ctx, testkit.Member("ada").In(elsewhere).Email("bob@acme.example").Build())).To(Succeed())
		Expect(api.Create(ctx, testkit.Member("ada").In(namespace).Build())).To(Succeed())
		mail, err := sink.AwaitMailTo(ctx, "ada@acme.example")
		Expect(err).NotTo(HaveOccurred())
		Expect(memberOf(api, elsewhere)().Status.State).To(BeEmpty())
		Expect(memberOf(api, elsewhere)().Finalizers).To(BeEmpty())
		Expect(status(strings.Replace(mail.Link(), namespace, elsewhere, 1))).To(Equal(http.StatusNotFound))
	}, SpecTimeout(time.Minute))

	It("serves profiles at --pprof-bind-address only", func() {
		o := options(namespace)
		ready := func() int { return status("http://" + o.HealthProbeBindAddress + "/readyz") }
		const profile = "/debug/pprof/heap"
		o.PprofBindAddress = "0"
		stop := run(o)
		Eventually(ready).Should(Equal(http.StatusOK))
		Expect(status("http://" + o.HealthProbeBindAddress + profile)).To(Equal(http.StatusNotFound))
		Expect(status("http://" + o.PortalBindAddress + profile)).To(Equal(http.StatusNotFound))
		stop()
		o.PprofBindAddress = address()
		run(o)
		Eventually(func() int { return status("http://" + o.PprofBindAddress + profile) }).Should(Equal(http.StatusOK))
	})

	It("serves metrics only to authorized users, unless --metrics-secure=false", func() {
		o := options(namespace)
		o.PortalBindAddress, o.MetricsBindAddress, o.MetricsSecure = "0", address(), true
		stop := run(o)
		Eventually(func() int { return status("https://" + o.MetricsBindAddress + "/metrics") }).Should(Equal(http.StatusUnauthorized))
		stop()
		o.MetricsSecure = false
		run(o)
		Eventually(func() int { return status("http://" + o.MetricsBindAddress + "/metrics") }).Should(Equal(http.StatusOK))
	})
})
