// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/api/v1alpha1"
)

var _ = Describe("A Wire is", func() {
	const silence = 100 * time.Millisecond
	// cached has a cache of the Members of a new namespace on a Wire.
	cached := func(ctx context.Context) (wire *Wire, plain client.Client, namespace string, settled func() error) {
		GinkgoHelper()
		wire, plain, namespace = NewWire(), Client(server.Config()), Namespace(ctx, server)
		members, err := cache.New(wire.Attach(server.Config()), cache.Options{
			Scheme: Scheme(), DefaultNamespaces: map[string]cache.Config{namespace: {}},
		})
		Expect(err).NotTo(HaveOccurred())
		running, stop := context.WithCancel(context.Background())
		DeferCleanup(stop)
		go func() { _ = members.Start(running) }()
		_, err = members.GetInformer(ctx, &v1alpha1.Member{})
		Expect(err).NotTo(HaveOccurred())
		settled = func() error { return wire.Settled(ctx, plain, namespace, silence) }
		return wire, plain, namespace, settled
	}

	It("not settled until its watches have delivered the current objects and deletions", func(ctx SpecContext) {
		wire, plain, ns, settled := cached(ctx)
		Eventually(settled).Should(Succeed())
		ada := Member("ada").In(ns).Build()
		for _, change := range []func() error{
			func() error { return plain.Create(ctx, ada) },
			func() error {
				ada.Annotations = map[string]string{"changed": "yes"}
				return plain.Update(ctx, ada)
			},
			func() error { return plain.Delete(ctx, ada) },
		} {
			wire.Watches("members").Freeze()
			Expect(change()).To(Succeed())
			Eventually(settled).Should(MatchError(HavePrefix("the client has yet to receive members ada")))
			wire.Watches("members").Thaw()
			Eventually(settled).Should(Succeed())
		}
	})

	It("settled although an event was lost, but not while a cache lists again", func(ctx SpecContext) {
		wire, plain, ns, settled := cached(ctx)
		lost := wire.Watches("members").LoseFirst(func(Event) bool { return true })
		Expect(plain.Create(ctx, Member("ada").In(ns).Build())).To(Succeed())
		Eventually(lost).Should(BeClosed())
		Eventually(settled).Should(Succeed())
		wire.Watches("members").Freeze()
		wire.Watches("members").Drop()
		Eventually(settled).Should(MatchError(HavePrefix("the client has yet to receive members ada")))
		wire.Watches("members").Thaw()
		Eventually(settled).Should(Succeed())
	})

	It("quiet after a read, but not after a write or during either", func(ctx SpecContext) {
		ns, wire := Namespace(ctx, server), NewWire()
		over := Client(wire.Attach(server.Config()))
		quiet := func() bool { return wire.Quiet() >= silence }
		for _, verb := range []string{"list", "create"} {
			Eventually(quiet).Should(BeTrue())
			held := wire.Hold(func(c Call) bool { return c.Verb == verb && c.Resource == "members" })
			ended := make(chan error, 1)
			go func() {
				if verb == "list" {
					ended <- over.List(ctx, &v1alpha1.MemberList{}, client.InNamespace(ns))
				} else {
					ended <- over.Create(ctx, Member("ada").In(ns).Build())
				}
			}()
			Eventually(held.Arrived()).Should(BeClosed())
			Expect(wire.Quiet()).To(BeZero())
			before := wire.activity.last.Load()
			held.Release()
			Eventually(ended).Should(Receive(BeNil()))
			if verb == "list" {
				Expect(wire.activity.last.Load()).To(Equal(before))
			} else {
				Expect(wire.activity.last.Load()).To(BeNumerically(">", before))
			}
		}
	})
})
