// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/api/v1alpha1"
)

var _ = Describe("Lose", func() {
	It("loses one event and no part of a list, until the cache lists again", func(ctx SpecContext) {
		ns, wire, plain := Namespace(ctx, server), NewWire(), Client(server.Config())
		Expect(plain.Create(ctx, Member("ada").In(ns).Build())).To(Succeed())
		cached, err := cache.New(wire.Attach(server.Config()), cache.Options{Scheme: Scheme(), DefaultNamespaces: map[string]cache.Config{ns: {}}})
		Expect(err).NotTo(HaveOccurred())
		running, stop := context.WithCancel(context.Background())
		DeferCleanup(stop)
		go func() { _ = cached.Start(running) }()
		wire.Watches("members").Lose(1)
		_, err = cached.GetInformer(ctx, &v1alpha1.Member{})
		Expect(err).NotTo(HaveOccurred())

		seen := func() int {
			var list v1alpha1.MemberList
			Expect(cached.List(ctx, &list, client.InNamespace(ns))).To(Succeed())
			return len(list.Items)
		}
		Expect(seen()).To(Equal(1), "the initial list does not count")
		Expect(plain.Create(ctx, Member("bob").In(ns).Build())).To(Succeed())
		Expect(plain.Create(ctx, Member("cat").In(ns).Build())).To(Succeed())
		Eventually(seen).Should(Equal(2))
		Expect(wire.Watches("members").Seen()).To(Equal(2))
		Expect(cached.Get(ctx, client.ObjectKey{Namespace: ns, Name: "bob"}, &v1alpha1.Member{})).NotTo(Succeed())

		wire.Watches("members").Drop()
		Eventually(seen).Should(Equal(3))
	})

	It("loses the first event that matches", func(ctx SpecContext) {
		ns, wire, plain := Namespace(ctx, server), NewWire(), Client(server.Config())
		list := &v1alpha1.MemberList{}
		over, err := client.NewWithWatch(wire.Attach(server.Config()), client.Options{Scheme: Scheme()})
		Expect(err).NotTo(HaveOccurred())
		Expect(plain.List(ctx, list, client.InNamespace(ns))).To(Succeed())
		watching, err := over.Watch(ctx, list, client.InNamespace(ns), &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(watching.Stop)
		lost := wire.Watches("members").LoseFirst(func(e Event) bool { return e == Event{"MODIFIED", "bob"} })

		ada, bob := Member("ada").In(ns).Build(), Member("bob").In(ns).Build()
		for _, m := range []*v1alpha1.Member{ada, bob} {
			Expect(plain.Create(ctx, m)).To(Succeed())
		}
		Expect(lost).NotTo(BeClosed())
		for _, m := range []*v1alpha1.Member{ada, bob, bob} {
			m.Annotations = map[string]string{"version": m.ResourceVersion}
			Expect(plain.Update(ctx, m)).To(Succeed())
		}
		var seen []string
		for range 4 {
			var e watch.Event
			Eventually(watching.ResultChan()).Should(Receive(&e))
			seen = append(seen, string(e.Type)+" "+e.Object.(client.Object).GetName())
		}
		Expect(seen).To(Equal([]string{"ADDED ada", "ADDED bob", "MODIFIED ada", "MODIFIED bob"}))
		Expect(lost).To(BeClosed())
		Expect(wire.Watches("members").Seen()).To(Equal(5))
	})
})
