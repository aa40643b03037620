// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/internal/shard"
)

func TestGate(t *testing.T) {
	g := NewWithT(t)
	now := time.Unix(1000, 0)
	gate := &Gate{Now: func() time.Time { return now }}
	alone := shard.Among("one")
	g.Expect(gate.Open("acme")).To(BeFalse(), "before the first Set")

	gate.Set(shard.View{Self: "one", Wanted: alone, Published: alone}, now.Add(9*time.Second))
	end, open := gate.Enter("acme")
	g.Expect(open).To(BeTrue())
	again, open := gate.Enter("acme")
	g.Expect(open).To(BeTrue())
	g.Expect(gate.Busy()).To(BeZero(), "what is under way is its own")

	other := shard.Among("two")
	gate.Set(shard.View{Self: "one", Wanted: other, Published: alone}, now.Add(9*time.Second))
	_, open = gate.Enter("acme")
	g.Expect(open).To(BeFalse(), "it is given up")
	g.Expect(gate.Busy()).To(Equal(1), "and not drained yet")
	end()
	g.Expect(gate.Busy()).To(Equal(1))
	again()
	g.Expect(gate.Busy()).To(BeZero())

	gate.Set(shard.View{Self: "one", Wanted: alone, Published: alone}, now.Add(9*time.Second))
	g.Expect(gate.Open("acme")).To(BeTrue())
	now = now.Add(9 * time.Second)
	g.Expect(gate.Open("acme")).To(BeFalse(), "the Lease was not renewed")
}
