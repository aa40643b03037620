// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/app"
	"github.com/usher-dev/usher/internal/labels"
	"github.com/usher-dev/usher/internal/shard"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// ofReplicas are the Leases of replicas; a manager that elects a leader has another one.
var ofReplicas = client.MatchingLabels{labels.ManagedBy: labels.Usher}

var _ = Describe("replicas that share the namespaces", func() {
	var (
		api        client.Client
		home       string
		namespaces []string
		sink       *smtpsink.Sink
		kubeconfig string
	)
	BeforeEach(func(ctx SpecContext) {
		api, home, namespaces = testkit.Client(server.Config()), testkit.Namespace(ctx, server), nil
		kubeconfig = server.KubeconfigPath()
		var err error
		sink, err = smtpsink.Start(smtpsink.Options{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(sink.Close)
		Expect(api.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "usher-smtp", Namespace: home}, Data: sink.Secret("Acme <no-reply@acme.example>"),
		})).To(Succeed())
		for range 6 {
			namespace := testkit.Namespace(ctx, server)
			namespaces = append(namespaces, namespace)
			Expect(api.Create(ctx, testkit.Account("acme").In(namespace).Build())).To(Succeed())
			Expect(api.Create(ctx, testkit.SeatPool("acme-base").In(namespace).Seats(10).Build())).To(Succeed())
		}
	})
	// replica starts one that is ready.
	replica := func(change func(*app.Options)) (o app.Options, stop func()) {
		GinkgoHelper()
		o = options(home)
		o.Kubeconfig, o.WatchNamespaces, o.Shards = kubeconfig, strings.Join(namespaces, ","), 2
		change(&o)
		stop = run(o)
		Eventually(func() int { return status("http://" + o.HealthProbeBindAddress + "/readyz") }).Should(Equal(http.StatusOK))
		return o, stop
	}
	// divided waits until that many replicas act by one division among as many as share, and returns it.
	divided := func(live, share int) (division shard.Division) {
		GinkgoHelper()
		Eventually(func(g Gomega) {
			var leases coordinationv1.LeaseList
			g.Expect(api.List(context.Background(), &leases, client.InNamespace(home), ofReplicas)).To(Succeed())
			g.Expect(leases.Items).To(HaveLen(live))
			division = shard.Parse(leases.Items[0].Annotations["usher.dev/acts-by"])
			g.Expect(division.Size()).To(Equal(share))
			for _, lease := range leases.Items {
				g.Expect(shard.Parse(lease.Annotations["usher.dev/acts-by"])).To(Equal(division))
			}
		}).Should(Succeed())
		return division
	}
	// invites creates a member in each namespace and waits until each has one mail.
	invites := func(ctx context.Context, name string) (link string) {
		GinkgoHelper()
		for _, namespace := range namespaces {
			Expect(api.Create(ctx, testkit.Member(name).In(namespace).Email(name+"@"+namespace+".example").Build())).To(Succeed())
		}
		for _, namespace := range namespaces {
			mail, err := sink.AwaitMailTo(ctx, name+"@"+namespace+".example")
			Expect(err).NotTo(HaveOccurred())
			link = mail.Link()
			member := testkit.Member(name).In(namespace).Build()
			Eventually(func() *usherv1.Member {
				Expect(api.Get(ctx, client.ObjectKeyFromObject(member), member)).To(Succeed())
				return member
			}).Should(testkit.HaveCondition(usherv1.ConditionPending, metav1.ConditionTrue, usherv1.ReasonAwaitingAcceptance))
		}
		return link
	}

	It("invite every member once while replicas come and go", func(ctx SpecContext) {
		one, stopOne := replica(func(*app.Options) {})
		invites(ctx, "ada")
		two, stopTwo := replica(func(o *app.Options) { o.PortalURL = one.PortalURL })
		both := divided(2, 2)
		owners := map[string]bool{}
		for _, namespace := range namespaces {
			owners[both.Owner(namespace)] = true
		}
		GinkgoWriter.Printf("%v of %v have namespaces\n", len(owners), both)
		invites(ctx, "bob")
		By("a third one stands by")
		three, stopThree := replica(func(o *app.Options) { o.PortalURL = one.PortalURL })
		Expect(divided(3, 2)).To(Equal(both))
		By("one that is stopped hands its share over")
		began := time.Now()
		stopOne()
		divided(2, 2)
		link := invites(ctx, "cyd")
		GinkgoWriter.Printf("handed over after %s\n", time.Since(began))
		By("every replica serves the members of all namespaces")
		here := strings.Replace(link, strings.TrimSuffix(one.PortalURL, "/"), "http://"+two.PortalBindAddress, 1)
		Expect(post(here)).To(Equal(http.StatusSeeOther))
		last := namespaces[len(namespaces)-1]
		for _, o := range []app.Options{two, three} {
			Eventually(func() int {
				return postForm("http://"+o.PortalBindAddress+"/me/"+last+"/acme", url.Values{
					"action": {"sign-in"}, "email": {"CYD@" + last + ".example"}, "password": {"correct horse battery"},
				})
			}).Should(Equal(http.StatusSeeOther))
		}
		stopThree()
		divided(1, 1)
		invites(ctx, "dan")
		stopTwo()
		Expect(sink.Mails()).To(HaveLen(4 * len(namespaces)))
		var leases coordinationv1.LeaseList
		Expect(api.List(ctx, &leases, client.InNamespace(home), ofReplicas)).To(Succeed())
		Expect(leases.Items).To(BeEmpty(), "a replica that stops deletes its Lease")
	}, SpecTimeout(4*time.Minute))

	It("need no more rights than config/rbac grants", func(ctx SpecContext) {
		user, err := manager()
		Expect(err).NotTo(HaveOccurred())
		kubeconfig = filepath.Join(GinkgoT().TempDir(), "kubeconfig")
		Expect(os.WriteFile(kubeconfig, user.Kubeconfig(), 0o600)).To(Succeed())
		home = "usher-system"
		Expect(api.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "usher-shared", Namespace: home}, Data: sink.Secret("Acme <no-reply@acme.example>"),
		})).To(Succeed())
		_, stop := replica(func(o *app.Options) { o.SMTPSecret, o.Shards, o.ShardByPeers = "usher-shared", 1, true })
		divided(1, 1)
		invites(ctx, "ada")
		stop()
	}, SpecTimeout(2*time.Minute))
})
