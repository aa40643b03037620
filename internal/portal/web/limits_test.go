// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

var noon = time.Date(2026, time.November, 27, 12, 0, 0, 0, time.UTC)

func TestTheThrottleForgetsOnlyKeysThatStayAway(t *testing.T) {
	g := NewWithT(t)
	const size = 1000
	throttle := NewThrottle[netip.Prefix](10, size)
	stubborn := netip.MustParsePrefix("192.0.2.1/32")
	for range 10 {
		g.Expect(throttle.Take(stubborn, noon)).To(BeZero())
	}
	for i := range 20 * size {
		throttle.Take(someone(i), noon)
		if i%(size/2) == 0 { // seen in every generation, so never forgotten
			g.Expect(throttle.Take(stubborn, noon)).NotTo(BeZero())
		}
	}
}

// A million addresses, as an attacker with a botnet or a few IPv6 networks has them, in a few megabytes.
func TestAMillionClientsTakeBoundedMemory(t *testing.T) {
	g := NewWithT(t)
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := heap()
	limits := Limits{}.WithDefaults()
	clients := NewThrottle[netip.Prefix](limits.PostsPerMinute, limits.RememberedKeys)
	at := func(i int) uint64 {
		g.Expect(clients.Take(someone(i), noon)).To(BeZero())
		if i%500_000 != 499_999 {
			return 0
		}
		taken := heap() - min(before, heap())
		t.Logf("%d addresses: %.1f MiB", i+1, float64(taken)/(1<<20))
		return taken
	}
	for i := range 1_000_000 {
		g.Expect(at(i)).To(BeNumerically("<", 16<<20))
	}
	runtime.KeepAlive(clients)
}

// someone is the ith of many clients.
func someone(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
}
