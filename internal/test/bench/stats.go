// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"math"
	"slices"
	"time"
)

// percentile returns the smallest sample that at least that share (0 to 1) of all samples do not exceed; 0 if there are no samples.
func percentile(samples []time.Duration, share float64) time.Duration {
	if len(samples) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(samples))
	rank := int(math.Ceil(share * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// point is a measured y at an x.
type point struct{ x, y float64 }

// slope returns the slope of the straight line through the points with the least squares; NaN for fewer than two different x.
func slope(points []point) float64 {
	var meanX, meanY, above, below float64
	for _, p := range points {
		meanX += p.x / float64(len(points))
		meanY += p.y / float64(len(points))
	}
	for _, p := range points {
		above += (p.x - meanX) * (p.y - meanY)
		below += (p.x - meanX) * (p.x - meanX)
	}
	if below == 0 {
		return math.NaN()
	}
	return above / below
}

// perSecond returns n divided by the seconds of d.
func perSecond(n int, d time.Duration) float64 { return float64(n) / d.Seconds() }
