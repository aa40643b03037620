// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reconciler

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func newFairQueue(atOnce int) *fairQueue {
	return NewQueue(atOnce, func(reconcile.Request) string { return "" })("", workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Millisecond, time.Millisecond)).(*fairQueue)
}

func keyOf(namespace string, n int) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: fmt.Sprint(n)}}
}

var (
	background = priorityqueue.AddOpts{Priority: ptr.To(-100)}
	usual      = priorityqueue.AddOpts{}
)

// One namespace's keys delay another's by one key for each worker, however many they are and whenever they came.
func TestQueueTakesTurns(t *testing.T) {
	g := NewWithT(t)
	q := newFairQueue(100)
	defer q.ShutDown()
	for n := range 10_000 {
		q.AddWithOpts(usual, keyOf("hot", n))
	}
	q.AddWithOpts(usual, keyOf("acme", 0), keyOf("acme", 1))
	q.AddWithOpts(usual, keyOf("bolt", 0))
	g.Expect(q.Len()).To(Equal(10_003))
	var order []string
	for range 8 {
		key, _, _ := q.GetWithPriority()
		order = append(order, key.String())
	}
	g.Expect(order).To(Equal([]string{"hot/0", "acme/0", "bolt/0", "hot/1", "acme/1", "hot/2", "hot/3", "hot/4"}),
		"a namespace that comes, or comes again, waits for one key of each other namespace")
}

// A namespace whose keys take long keeps no more workers than it gets, and the others serve the other namespaces.
func TestQueueLeavesWorkersToOtherNamespaces(t *testing.T) {
	g := NewWithT(t)
	q := newFairQueue(2)
	defer q.ShutDown()
	for n := range 10 {
		q.AddWithOpts(usual, keyOf("hot", n))
	}
	taken := make(chan reconcile.Request, 20)
	work := func() { // one worker asks for a key
		go func() {
			if key, shutdown := q.Get(); !shutdown {
				taken <- key
			}
		}()
	}
	for range 5 {
		work()
	}
	g.Eventually(taken).Should(Receive(Equal(keyOf("hot", 0))))
	g.Eventually(taken).Should(Receive(Equal(keyOf("hot", 1))))
	g.Consistently(taken, "100ms").ShouldNot(Receive(), "two workers of one namespace are busy")
	q.AddWithOpts(usual, keyOf("acme", 0))
	g.Eventually(taken).Should(Receive(Equal(keyOf("acme", 0))), "a worker is free for another namespace")
	q.Done(keyOf("hot", 1))
	work()
	g.Eventually(taken).Should(Receive(Equal(keyOf("hot", 2))), "the worker that is done takes the next key")
	g.Expect(q.Len()).To(Equal(7))
}

// Background work comes last in its own namespace, and delays another namespace no more than other work does.
func TestQueueServesBackgroundWorkLast(t *testing.T) {
	g := NewWithT(t)
	q := newFairQueue(100)
	defer q.ShutDown()
	for n := range 3 {
		q.AddWithOpts(background, keyOf("acme", n), keyOf("bolt", n))
	}
	q.AddWithOpts(usual, keyOf("acme", 3), keyOf("acme", 2), keyOf("acme", 2))
	q.AddWithOpts(background, keyOf("acme", 3))
	var acme, bolt []string
	for q.Len() > 0 {
		key, priority, _ := q.GetWithPriority()
		g.Expect(priority).To(BeZero())
		if key.Namespace == "acme" {
			acme = append(acme, key.Name)
		} else {
			bolt = append(bolt, key.Name)
		}
	}
	g.Expect(acme).To(Equal([]string{"3", "2", "0", "1"}))
	g.Expect(bolt).To(Equal([]string{"0", "1", "2"}))
	g.Expect(q.turns.urgency).To(BeEmpty())
}

// Within a namespace, who loses access comes first, then who gets some; other namespaces have their turns all the same.
func TestQueueServesUrgentWorkFirst(t *testing.T) {
	g := NewWithT(t)
	q := newFairQueue(100)
	defer q.ShutDown()
	with := func(u Urgency) priorityqueue.AddOpts { return priorityqueue.AddOpts{Priority: ptr.To(int(u))} }
	for n := range 5 {
		q.AddWithOpts(usual, keyOf("acme", n))
	}
	q.AddWithOpts(background, keyOf("acme", 9))
	q.AddWithOpts(with(Giving), keyOf("acme", 3), keyOf("acme", 7))
	q.AddWithOpts(with(Withdrawing), keyOf("acme", 8), keyOf("acme", 4), keyOf("acme", 9))
	q.AddWithOpts(usual, keyOf("acme", 4), keyOf("bolt", 0))
	var order []string
	for q.Len() > 0 {
		key, _, _ := q.GetWithPriority()
		order = append(order, key.String())
	}
	g.Expect(order).To(Equal([]string{
		"acme/8", "bolt/0", "acme/4", "acme/9", "acme/3", "acme/7", "acme/0", "acme/1", "acme/2",
	}), "each once")
	g.Expect(q.turns.urgency).To(BeEmpty())

	key := keyOf("acme", 1)
	q.AddWithOpts(with(Withdrawing), key) // while it is reconciled
	q.AddWithOpts(usual, keyOf("acme", 11), keyOf("acme", 12))
	q.Done(key)
	next, _, _ := q.GetWithPriority()
	g.Expect(next).To(Equal(key))
}

// Accounts of a namespace take turns, within each urgency.
func TestQueueHasAccountsTakeTurns(t *testing.T) {
	g := NewWithT(t)
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Millisecond, time.Millisecond)
	accountOf := func(key reconcile.Request) string { account, _, _ := strings.Cut(key.Name, "-"); return account }
	q := NewQueue(100, accountOf)("", limiter).(*fairQueue)
	defer q.ShutDown()
	add := func(urgency Urgency, names ...string) {
		for _, name := range names {
			q.AddWithOpts(priorityqueue.AddOpts{Priority: ptr.To(int(urgency))},
				reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "acme", Name: name}})
		}
	}
	add(Usual, "big-0", "big-1", "big-2", "big-3", "small-0", "small-1")
	add(Withdrawing, "big-4", "big-5", "small-2", "big-1")
	var order []string
	for q.Len() > 0 {
		key, _, _ := q.GetWithPriority()
		order = append(order, key.Name)
	}
	g.Expect(order).To(Equal([]string{"big-4", "small-2", "big-5", "big-1", "big-0", "small-0", "small-1", "big-2", "big-3"}))
	g.Expect(q.turns.lines["acme"].waiting).To(BeEmpty())
}

// A key that is added while it is reconciled, or after a delay, comes again, and at no time do two workers have it.
func TestQueueLosesNothing(t *testing.T) {
	const keys, workers = 2_000, 2
	g := NewWithT(t)
	q := newFairQueue(workers)
	namespaces := []string{"hot", "acme", "bolt", "", "cyan", "dust"}
	var (
		mu       sync.Mutex
		running  = map[reconcile.Request]bool{}
		inside   = map[string]int{}
		versions = map[reconcile.Request]int{} // as the adders wrote them
		seen     = map[reconcile.Request]int{} // as the workers read them
		broken   []string
	)
	var pool sync.WaitGroup
	for range workers * Shares {
		pool.Go(func() {
			for {
				key, shutdown := q.Get()
				if shutdown {
					return
				}
				mu.Lock()
				if running[key] {
					broken = append(broken, key.String()+" is reconciled twice at once")
				}
				if inside[key.Namespace]++; inside[key.Namespace] > workers {
					broken = append(broken, key.Namespace+" has too many workers")
				}
				running[key], seen[key] = true, versions[key]
				mu.Unlock()
				mu.Lock()
				running[key] = false
				inside[key.Namespace]--
				mu.Unlock()
				q.Done(key)
			}
		})
	}
	var adders sync.WaitGroup
	for adder := range 3 {
		adders.Go(func() {
			for n := range keys {
				key := keyOf(namespaces[(n+adder)%len(namespaces)], n%500)
				mu.Lock()
				versions[key]++
				mu.Unlock()
				switch n % 4 {
				case 0:
					q.AddWithOpts(priorityqueue.AddOpts{After: time.Millisecond}, key)
				case 1:
					q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true, Priority: ptr.To(-1)}, key)
				case 2:
					q.AddWithOpts(background, key)
				default:
					q.Add(key)
				}
			}
		})
	}
	adders.Wait()
	g.Eventually(func() bool {
		mu.Lock()
		defer mu.Unlock()
		for key, version := range versions {
			if seen[key] != version {
				return false
			}
		}
		return true
	}).WithTimeout(20*time.Second).Should(BeTrue(), "a worker sees the last change of every key")
	g.Expect(broken).To(BeEmpty())
	q.ShutDown()
	pool.Wait()
	g.Expect(q.turns.lines).To(BeEmpty())
	g.Expect(q.turns.urgency).To(BeEmpty())
}

// modelOfTurns is what the queue must do, told simply: it is compared with turns step by step.
type modelOfTurns struct {
	atOnce  int
	waiting map[reconcile.Request]bool
	running map[reconcile.Request]bool
	again   map[reconcile.Request]bool
	// passed counts, for each key that waits and whose namespace may have a turn, the keys that other namespaces took meanwhile.
	passed map[reconcile.Request]map[string]int
}

func (m *modelOfTurns) busy(namespace string) int {
	n := 0
	for key := range m.running {
		if key.Namespace == namespace {
			n++
		}
	}
	return n
}

func (m *modelOfTurns) ready() (n int) {
	for key := range m.waiting {
		if m.busy(key.Namespace) < m.atOnce {
			n++
		}
	}
	return n
}

func TestTurnsProperties(t *testing.T) {
	namespaces := []string{"a", "b", "c"}
	rapid.Check(t, func(t *rapid.T) {
		m := &modelOfTurns{
			atOnce: rapid.IntRange(1, 3).Draw(t, "at once"), waiting: map[reconcile.Request]bool{}, running: map[reconcile.Request]bool{},
			again: map[reconcile.Request]bool{}, passed: map[reconcile.Request]map[string]int{},
		}
		q := newFairQueue(m.atOnce)
		defer q.ShutDown()
		drawKey := rapid.Custom(func(t *rapid.T) reconcile.Request {
			return keyOf(rapid.SampledFrom(namespaces).Draw(t, "namespace"), rapid.IntRange(0, 4).Draw(t, "name"))
		})
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				key := drawKey.Draw(t, "key")
				q.AddWithOpts(rapid.SampledFrom([]priorityqueue.AddOpts{usual, background}).Draw(t, "how"), key)
				if m.running[key] {
					m.again[key] = true
				} else {
					m.waiting[key] = true
				}
			},
			"get": func(t *rapid.T) {
				if m.ready() == 0 {
					t.Skip("a worker would wait")
				}
				key, _ := q.Get()
				if !m.waiting[key] || m.running[key] {
					t.Fatalf("%s was taken, which waits: %t, runs: %t", key, m.waiting[key], m.running[key])
				}
				if m.busy(key.Namespace) >= m.atOnce {
					t.Fatalf("%s was taken, although its namespace has %d workers", key, m.busy(key.Namespace))
				}
				for other := range m.waiting {
					if other.Namespace == key.Namespace || m.busy(other.Namespace) >= m.atOnce {
						delete(m.passed, other)
						continue
					}
					if m.passed[other] == nil {
						m.passed[other] = map[string]int{}
					}
					if m.passed[other][key.Namespace]++; m.passed[other][key.Namespace] > 1 {
						t.Fatalf("namespace %s took two keys while %s could have been taken", key.Namespace, other)
					}
				}
				delete(m.waiting, key)
				m.running[key] = true
			},
			"done": func(t *rapid.T) {
				var running []reconcile.Request
				for _, namespace := range namespaces {
					for n := range 5 {
						if key := keyOf(namespace, n); m.running[key] {
							running = append(running, key)
						}
					}
				}
				if len(running) == 0 {
					t.Skip("nothing runs")
				}
				key := rapid.SampledFrom(running).Draw(t, "key")
				q.Done(key)
				delete(m.running, key)
				if m.again[key] {
					m.waiting[key] = true
				}
				delete(m.again, key)
			},
			"": func(t *rapid.T) {
				if q.Len() != len(m.waiting) {
					t.Fatalf("%d keys wait, want %d", q.Len(), len(m.waiting))
				}
				if q.turns.Len() > 0 != (m.ready() > 0) {
					t.Fatalf("%d namespaces can have a turn, and %d keys can be taken", q.turns.Len(), m.ready())
				}
			},
		})
	})
}

// What a burst took is given back when it is over.
func TestQueueForgetsABurst(t *testing.T) {
	g := NewWithT(t)
	q := newFairQueue(1)
	defer q.ShutDown()
	for n := range 1000 {
		q.AddWithOpts(usual, keyOf("hot", n))
	}
	hot, urgency := weak.Make(q.turns.lines["hot"]), reflect.ValueOf(q.turns.urgency).Pointer()
	for range 1000 {
		key, _ := q.Get()
		q.Done(key)
	}
	runtime.GC()
	g.Expect(hot.Value()).To(BeNil())
	g.Expect(reflect.ValueOf(q.turns.urgency).Pointer()).NotTo(Equal(urgency))
}
