// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seat

import (
	"fmt"
	"testing"
)

// BenchmarkAllocate has n claims in a pool of n seats: at rest; with one more member, who waits; with one seat that was given back to it;
// and n members who come at once to an empty pool.
func BenchmarkAllocate(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		full, members, all := map[string]int64{}, make([]Candidate, n), make([]Candidate, n)
		for i := range n {
			name, grant := fmt.Sprintf("m-%05d", i), int64(i)+1
			full[name] = grant
			members[i] = cand(name, active, holding(grant), acceptedAt(i))
			all[n-1-i] = cand(name, created(i)) // the last comes first
		}
		one := cand("one-more", created(n))
		gaveOne := append([]Candidate{cand("m-00000", unwilling, gaveBack(1))}, members[1:]...)
		ledgerOf := ledger(int64(n), full)
		for _, c := range []struct {
			name       string
			old        Ledger
			candidates []Candidate
		}{
			{"rest", ledgerOf, members},
			{"waiting", ledgerOf, append(members[:n:n], one)},
			{"passed-on", ledgerOf, append(gaveOne[:n:n], one)},
			{"rollout", Ledger{}, all},
		} {
			b.Run(fmt.Sprintf("%s/claims=%d", c.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					Allocate(c.old, n, c.candidates, nil)
				}
			})
		}
	}
}
