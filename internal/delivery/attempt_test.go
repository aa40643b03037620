// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"math"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestContinues(t *testing.T) {
	claim := Attempt{Message: "link 1", Number: 2, Open: true, LeaseEnd: now.Add(SendLease)}
	for name, tt := range map[string]struct {
		edit func(*Attempt)
		want bool
	}{
		"unchanged":        {func(*Attempt) {}, true},
		"a later lease":    {func(a *Attempt) { a.LeaseEnd = a.LeaseEnd.Add(time.Hour) }, true},
		"concluded":        {func(a *Attempt) { a.Open = false }, false},
		"another attempt":  {func(a *Attempt) { a.Number++ }, false},
		"another message":  {func(a *Attempt) { a.Message = "link 2" }, false},
		"an earlier count": {func(a *Attempt) { a.Number-- }, false},
	} {
		t.Run(name, func(t *testing.T) {
			is := claim
			tt.edit(&is)
			NewWithT(t).Expect(is.Continues(claim)).To(Equal(tt.want))
		})
	}
}

// A sender hangs up before the lease ends, and does not begin where the first extension might come too late.
func TestLeaseLeavesTime(t *testing.T) {
	g := NewWithT(t)
	a := Attempt{Open: true, LeaseEnd: now.Add(SendLease)}
	g.Expect(a.HangUp()).To(BeTemporally("<", a.LeaseEnd))
	g.Expect(a.HangUp()).To(BeTemporally(">", a.LeaseEnd.Add(-RenewEvery)), "a failed extension leaves time for another")
	g.Expect(a.TooLate(now)).To(BeFalse())
	g.Expect(a.TooLate(now.Add(SendLease - 2*RenewEvery))).To(BeTrue())
	g.Expect(a.TooLate(now.Add(SendLease - 2*RenewEvery - 1))).To(BeFalse())
	g.Expect(a.TooLate(now.Add(2 * SendLease))).To(BeTrue())
}

func TestTheNumberOfAnAttemptDoesNotOverflow(t *testing.T) {
	g := NewWithT(t)
	for before, want := range map[int32]int32{0: 1, 1: 2, math.MaxInt32 - 1: math.MaxInt32, math.MaxInt32: 1, -1: 1, math.MinInt32: 1} {
		g.Expect(Attempted(before)).To(Equal(want))
	}
}
