// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reconciler

import (
	"fmt"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// No key is lost, before the controller starts, while it starts, or after, and each is in the queue once.
func TestWakeupsLoseNothing(t *testing.T) {
	const keys = 10_000
	g := NewWithT(t)
	w := NewWakeups()
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	key := func(n int) types.NamespacedName { return types.NamespacedName{Namespace: "acme", Name: fmt.Sprint(n)} }

	w.Add(key(0))
	w.Add(key(0))
	var adders sync.WaitGroup
	for adder := range 4 {
		adders.Go(func() {
			for n := adder; n < keys; n += 4 {
				w.Add(key(n))
			}
		})
	}
	g.Expect(w.Start(t.Context(), queue)).To(Succeed())
	adders.Wait()
	g.Expect(queue.Len()).To(Equal(keys))
	g.Expect(w.Drain()).To(BeEmpty())
}

func TestDrainReturnsEachKeyOnceInOrder(t *testing.T) {
	g := NewWithT(t)
	w := NewWakeups()
	a, b := types.NamespacedName{Name: "a"}, types.NamespacedName{Name: "b"}
	for _, key := range []types.NamespacedName{b, a, b} {
		w.Add(key)
	}
	g.Expect(w.Drain()).To(Equal([]types.NamespacedName{b, a}))
	w.Add(a)
	g.Expect(w.Drain()).To(Equal([]types.NamespacedName{a}), "a drained key can come again")
}

// A key for which something is kept does not wait behind the namespace's others, before the controller starts or after.
func TestAddNextComesFirst(t *testing.T) {
	g := NewWithT(t)
	q := newFairQueue(100)
	defer q.ShutDown()
	w := NewWakeups()
	key := func(n int) types.NamespacedName { return types.NamespacedName{Namespace: "acme", Name: fmt.Sprint(n)} }
	for n := range 100 {
		w.Add(key(n))
	}
	w.AddNext(key(50))
	g.Expect(w.Start(t.Context(), q)).To(Succeed())
	for n := range 10_000 {
		w.Add(key(n))
	}
	w.AddNext(key(9_999))
	for _, want := range []int{50, 9_999, 0} {
		is, _ := q.Get()
		g.Expect(is.NamespacedName).To(Equal(key(want)))
		q.Done(is)
	}
}
