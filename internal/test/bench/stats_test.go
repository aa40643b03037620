// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"math"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestPercentile(t *testing.T) {
	g := NewWithT(t)
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(100-i)) // 100 … 1, not sorted
	}
	for _, c := range []struct {
		samples []time.Duration
		share   float64
		want    time.Duration
	}{
		{nil, 0.5, 0},
		{[]time.Duration{7}, 0.5, 7},
		{[]time.Duration{7}, 0, 7},
		{[]time.Duration{3, 1, 2}, 0.5, 2},
		{[]time.Duration{4, 3, 1, 2}, 0.5, 2},
		{hundred, 0.99, 99},
		{hundred, 1, 100},
		{hundred, 0, 1},
		{hundred[:20], 0.99, 100}, // of few samples, the longest
	} {
		g.Expect(percentile(c.samples, c.share)).To(Equal(c.want), "%v of %v", c.share, c.samples)
	}
	g.Expect(hundred[0]).To(Equal(time.Duration(100)), "the samples keep their order")
}

func TestSlope(t *testing.T) {
	g := NewWithT(t)
	g.Expect(slope([]point{{1000, 12e6}, {10000, 34.5e6}})).To(BeNumerically("~", 2500, 1e-6))
	g.Expect(slope([]point{{0, 0}, {1, 1}, {2, 5}})).To(BeNumerically("~", 2.5, 1e-9), "least squares")
	g.Expect(math.IsNaN(slope(nil))).To(BeTrue())
	g.Expect(math.IsNaN(slope([]point{{5, 1}, {5, 2}}))).To(BeTrue())
}
