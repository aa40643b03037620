// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/api/v1alpha1"
)

var _ = Describe("Watches", func() {
	var (
		ns     string
		wire   *Wire
		cached cache.Cache   // what an operator sees
		plain  client.Client // the actual state
	)

	BeforeEach(func(ctx SpecContext) {
		ns, wire, plain = Namespace(ctx, server), NewWire(), Client(server.Config())
		var err error
		cached, err = cache.New(wire.Attach(server.Config()), cache.Options{
			Scheme: Scheme(), DefaultNamespaces: map[string]cache.Config{ns: {}},
		})
		Expect(err).NotTo(HaveOccurred())
		running, stop := context.WithCancel(context.Background())
		stopped := make(chan error, 1)
		go func() { stopped <- cached.Start(running) }()
		DeferCleanup(func() {
			stop()
			Eventually(stopped).Should(Receive(BeNil()))
			Eventually(wire.Watches("members").Open).Should(BeZero())
		})
		_, err = cached.GetInformer(ctx, &v1alpha1.Member{})
		Expect(err).NotTo(HaveOccurred())
	})

	// seen returns the members in the cache and their roles, as "ada:admin".
	seen := func(ctx SpecContext) string {
		GinkgoHelper()
		var list v1alpha1.MemberList
		Expect(cached.List(ctx, &list)).To(Succeed())
		all := map[string]bool{}
		for _, m := range list.Items {
			all[m.Name+":"+m.Spec.Role] = true
		}
		return strings.Join(slices.Sorted(maps.Keys(all)), " ")
	}
	setRole := func(ctx SpecContext, name, role string) {
		GinkgoHelper()
		m := Member(name).In(ns).Build()
		Expect(plain.Patch(ctx, m, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"role":"`+role+`"}}`)))).To(Succeed())
	}
	create := func(ctx SpecContext, name string) {
		GinkgoHelper()
		Expect(plain.Create(ctx, Member(name).In(ns).Role("one").Build())).To(Succeed())
	}

	It("pass events on", func(ctx SpecContext) {
		create(ctx, "ada")
		Eventually(seen).WithContext(ctx).Should(Equal("ada:one"))
		Expect(wire.Watches("members").Open()).To(Equal(1))
	})

	It("freeze and thaw", func(ctx SpecContext) {
		create(ctx, "ada")
		Eventually(seen).WithContext(ctx).Should(Equal("ada:one"))
		wire.Watches("members").Freeze()
		setRole(ctx, "ada", "two")
		create(ctx, "bob")
		Consistently(seen).WithContext(ctx).WithTimeout(300 * time.Millisecond).Should(Equal("ada:one"))
		wire.Watches("members").Thaw()
		Eventually(seen).WithContext(ctx).Should(Equal("ada:two bob:one"))
	})

	It("leave other resources alone", func(ctx SpecContext) {
		wire.Watches("seatpools").Freeze()
		create(ctx, "ada")
		Eventually(seen).WithContext(ctx).Should(Equal("ada:one"))
	})

	It("hide the events of objects that do not match", func(ctx SpecContext) {
		wire.Watches("members").Only(func(name string) bool { return name != "bob" })
		create(ctx, "bob")
		create(ctx, "ada")
		Eventually(seen).WithContext(ctx).Should(Equal("ada:one"))
		Expect(wire.Settled(ctx, plain, ns, 0)).To(Succeed())
	})

	It("delay every event and keep their order", func(ctx SpecContext) {
		const delay = 400 * time.Millisecond
		wire.Watches("members").Delay(delay)
		begin := time.Now()
		create(ctx, "ada")
		setRole(ctx, "ada", "two")
		Eventually(seen).WithContext(ctx).WithPolling(time.Millisecond).Should(HavePrefix("ada:"))
		Expect(time.Since(begin)).To(BeNumerically(">=", delay))
		Eventually(seen).WithContext(ctx).Should(Equal("ada:two"))
	})

	It("drop, so that the client lists again and misses the events in between", func(ctx SpecContext) {
		create(ctx, "ada")
		Eventually(seen).WithContext(ctx).Should(Equal("ada:one"))
		wire.Watches("members").Freeze()
		setRole(ctx, "ada", "two")
		create(ctx, "bob")
		Expect(plain.Delete(ctx, Member("bob").In(ns).Build())).To(Succeed())
		wire.Watches("members").Drop()
		wire.Watches("members").Thaw()
		Eventually(seen).WithContext(ctx).WithTimeout(10 * time.Second).Should(Equal("ada:two"))
	})

	It("rewind to an earlier state, and catch up", func(ctx SpecContext) {
		for _, name := range []string{"ada", "bob"} {
			create(ctx, name)
		}
		setRole(ctx, "ada", "two")
		Eventually(seen).WithContext(ctx).Should(Equal("ada:two bob:one"))
		setRole(ctx, "ada", "three")
		setRole(ctx, "ada", "four")
		Expect(plain.Delete(ctx, Member("bob").In(ns).Build())).To(Succeed())
		create(ctx, "carol")
		Eventually(seen).WithContext(ctx).Should(Equal("ada:four carol:one"))

		wire.Watches("members").Rewind(4)
		Eventually(seen).WithContext(ctx).Should(Equal("ada:two bob:one"))
		setRole(ctx, "ada", "five")
		Consistently(seen).WithContext(ctx).WithTimeout(200 * time.Millisecond).Should(Equal("ada:two bob:one"))
		wire.Watches("members").Thaw()
		Eventually(seen).WithContext(ctx).Should(Equal("ada:five carol:one"))
	})

	It("rewind no further than the start of the stream", func(ctx SpecContext) {
		create(ctx, "ada")
		Eventually(seen).WithContext(ctx).Should(Equal("ada:one"))
		wire.Watches("members").Rewind(100)
		Eventually(seen).WithContext(ctx).Should(BeEmpty())
		wire.Watches("members").Thaw()
		Eventually(seen).WithContext(ctx).Should(Equal("ada:one"))
	})

	DescribeTable("work for kinds that are watched as protobuf", func(ctx SpecContext, list client.ObjectList) {
		watching, err := Client(wire.Attach(server.Config())).Watch(ctx, list, client.InNamespace(ns))
		Expect(err).NotTo(HaveOccurred())
		defer watching.Stop()
		wire.Watches("secrets").Freeze()
		Expect(plain.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "smtp"}})).To(Succeed())
		Consistently(watching.ResultChan()).WithTimeout(200 * time.Millisecond).ShouldNot(Receive())
		wire.Watches("secrets").Thaw()
		Eventually(watching.ResultChan()).Should(Receive(And(
			HaveField("Type", watch.Added), HaveField("Object.ObjectMeta.Name", "smtp"))))
	},
		Entry("whole objects", &corev1.SecretList{}),
		Entry("metadata", &metav1.PartialObjectMetadataList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "SecretList"}}),
	)
})
