// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"net/netip"
	"runtime"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestBackoff(t *testing.T) {
	g := NewWithT(t)
	b := Backoff[string]{Free: 2, First: time.Second, Most: 5 * time.Second, Idle: time.Hour, Keys: 10}
	now := noon
	for _, wait := range []time.Duration{0, 0, time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second} {
		g.Expect(b.Take("a", now)).To(Equal(wait))
		if wait > 0 {
			g.Expect(b.Take("b", now)).To(BeNumerically("<=", wait), "others do not wait for it")
			g.Expect(b.Take("a", now.Add(wait-time.Nanosecond))).To(Equal(time.Nanosecond))
			now = now.Add(wait)
			g.Expect(b.Take("a", now)).To(BeZero())
		}
	}
	g.Expect(b.Take("a", now.Add(-24*time.Hour))).To(Equal(5*time.Second), "a clock that was set back")
	b.GiveBack("a")
	b.Forget("b")
	g.Expect(b.Take("b", now)).To(BeZero())
	now = now.Add(time.Hour)
	for range 2 {
		g.Expect(b.Take("a", now)).To(BeZero(), "begins anew")
	}
	g.Expect(b.Take("a", now)).To(Equal(time.Second))
}

func TestTries(t *testing.T) {
	g := NewWithT(t)
	limits := Limits{FreeTries: 3, MostWrong: 8, RememberedKeys: 100}
	tries, ada, bob := NewTries(limits), TargetOf("ada"), TargetOf("bob")
	at := func(i int) Source { return Source{Client: someone(i)} }
	known := Source{Client: someone(99), Known: "browser"}
	for range 3 {
		g.Expect(tries.Take(ada, at(0), noon)).To(BeZero())
	}
	g.Expect(tries.Take(ada, at(0), noon)).To(Equal(time.Second))
	g.Expect(tries.Take(bob, at(0), noon)).To(BeZero(), "another member")
	g.Expect(tries.Take(ada, at(1), noon)).To(BeZero(), "another client")
	tries.Right(ada, at(0))
	for i := range 8 {
		g.Expect(tries.Take(ada, at(i), noon)).To(BeZero())
	}
	g.Expect(tries.Take(ada, at(9), noon)).To(Equal(longestPause))
	g.Expect(tries.Take(ada, at(9), noon.Add(365*24*time.Hour))).To(Equal(longestPause))
	tries.GiveBack(ada, at(7))
	g.Expect(tries.Take(ada, at(9), noon)).To(BeZero())
	for range 3 {
		g.Expect(tries.Take(ada, known, noon)).To(BeZero())
		known.Client = someone(100) // it is the same browser, wherever it is
	}
	g.Expect(tries.Take(ada, known, noon)).To(Equal(time.Second))
	g.Expect(tries.Take(ada, Source{Known: "another"}, noon)).To(BeZero())
	g.Expect(tries.Take(ada, at(10), noon)).To(Equal(longestPause))
	tries.Right(ada, known)
	g.Expect(tries.Take(ada, known, noon)).To(BeZero())
	g.Expect(tries.Take(ada, at(10), noon)).To(BeZero())
}

// Who is tried again and again is not forgotten, however many others are tried, and they take bounded memory.
func TestTriesTakeBoundedMemory(t *testing.T) {
	g := NewWithT(t)
	limits := Limits{RememberedKeys: 1000}.WithDefaults()
	tries, ada, stubborn := NewTries(limits), TargetOf("ada"), Source{Client: netip.MustParsePrefix("192.0.2.1/32")}
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := heap()
	for range limits.FreeTries {
		g.Expect(tries.Take(ada, stubborn, noon)).To(BeZero())
	}
	for i := range 100_000 {
		tries.Take(TargetOf(string(rune(i))), Source{Client: someone(i)}, noon)
		if i%500 == 0 {
			g.Expect(tries.Take(ada, stubborn, noon)).NotTo(BeZero())
		}
	}
	g.Expect(heap() - min(before, heap())).To(BeNumerically("<", 4<<20))
	runtime.KeepAlive(tries)
}

func TestBackground(t *testing.T) {
	g := NewWithT(t)
	background, begun, end := NewBackground(), make(chan struct{}, backgroundWork), make(chan struct{})
	work := func(ctx context.Context) {
		_, bounded := ctx.Deadline()
		if bounded {
			begun <- struct{}{}
		}
		<-end
	}
	for range backgroundWork {
		g.Expect(background(work)).To(BeTrue())
	}
	for range backgroundWork {
		<-begun
	}
	g.Expect(background(work)).To(BeFalse())
	close(end)
	g.Eventually(func() bool { return background(work) }).Should(BeTrue())
}
