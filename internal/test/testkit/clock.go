// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"time"

	testingclock "k8s.io/utils/clock/testing"
)

// Epoch is when a Clock starts: a whole second, since the API keeps no fractions, and far from now, so that a mixed-up wall
// clock shows.
var Epoch = time.Date(2031, time.March, 14, 9, 26, 53, 0, time.UTC)

// NewClock returns a clock that is at Epoch and moves only by Step. Pass its Now to the code under test:
//
//	clock := testkit.NewClock()
//	reconciler := &controller.Member{Now: clock.Now}
//	clock.Step(7 * 24 * time.Hour)
func NewClock() *testingclock.FakeClock { return testingclock.NewFakeClock(Epoch) }
