// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

var now = time.Date(2026, time.March, 8, 9, 30, 0, 0, time.UTC)

func TestConclude(t *testing.T) {
	for name, tt := range map[string]struct {
		failure *Failure
		want    Result
	}{
		"accepted":            {nil, Delivered},
		"refused for good":    {&Failure{Class: usherv1.ErrorPermanent, Code: "550 5.1.1"}, Rejected},
		"refused for now":     {&Failure{Class: usherv1.ErrorTemporary, Code: "451 4.7.1"}, Retry},
		"wrong configuration": {&Failure{Class: usherv1.ErrorConfiguration, Code: "535 5.7.8"}, Retry},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			at := now.Add(700 * time.Millisecond)
			o := Conclude("uid", 3, tt.failure, at)
			g.Expect(o.Result).To(Equal(tt.want))
			g.Expect(o.At).To(Equal(metav1.Time{Time: now}), "a status has no fractions of a second")
			if tt.failure == nil {
				g.Expect(o.LastError).To(BeNil())
			} else {
				g.Expect(o.LastError).To(Equal(&usherv1.SendError{Class: tt.failure.Class, Code: tt.failure.Code, At: o.At}))
			}
			if tt.want == Retry {
				g.Expect(o.NextAttemptAt.Time).To(Equal(at.Add(Pause("uid", 3, tt.failure)).Truncate(time.Second)))
			} else {
				g.Expect(o.NextAttemptAt).To(BeNil())
			}
		})
	}
}

func TestPause(t *testing.T) {
	tests := []struct {
		attempt    int32
		greylisted bool
		base       time.Duration
	}{
		{attempt: 0, base: time.Minute},
		{attempt: 1, base: time.Minute},
		{attempt: 2, base: 2 * time.Minute},
		{attempt: 3, base: 4 * time.Minute},
		{attempt: 6, base: 32 * time.Minute},
		{attempt: 7, base: time.Hour},
		{attempt: 8, base: time.Hour},
		{attempt: 1 << 30, base: time.Hour},
		{attempt: 1, greylisted: true, base: 5 * time.Minute},
		{attempt: 2, greylisted: true, base: 10 * time.Minute},
		{attempt: 4, greylisted: true, base: 40 * time.Minute},
		{attempt: 5, greylisted: true, base: time.Hour},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("attempt %d greylisted %v", tt.attempt, tt.greylisted), func(t *testing.T) {
			g := NewWithT(t)
			f := &Failure{Class: usherv1.ErrorTemporary, Greylisted: tt.greylisted}
			shortest, longest := 2*time.Hour, time.Duration(0)
			for i := range 5000 {
				uid := types.UID(fmt.Sprintf("uid-%d", i))
				d := Pause(uid, tt.attempt, f)
				g.Expect(Pause(uid, tt.attempt, f)).To(Equal(d), "the same attempt, the same pause")
				shortest, longest = min(shortest, d), max(longest, d)
			}
			// Within 20 % of the base, and spread over nearly all of it.
			g.Expect(shortest).To(And(BeNumerically(">=", tt.base*80/100), BeNumerically("<", tt.base*82/100)))
			g.Expect(longest).To(And(BeNumerically("<=", tt.base*120/100), BeNumerically(">", tt.base*118/100)))
		})
	}
	t.Run("attempts of one invitation do not keep step", func(t *testing.T) {
		g := NewWithT(t)
		f := &Failure{Class: usherv1.ErrorTemporary}
		g.Expect(Pause("uid", 8, f)).NotTo(Equal(Pause("uid", 9, f)))
	})
	t.Run("a wrong configuration is tried at its own pace", func(t *testing.T) {
		NewWithT(t).Expect(Pause("uid", 20, &Failure{Class: usherv1.ErrorConfiguration, Greylisted: true})).To(Equal(time.Minute))
	})
}

// No failure asks for a longer pause than LongestWait, by which a status is believed.
func TestNoPauseIsLongerThanTheLongestWait(t *testing.T) {
	for _, class := range []usherv1.ErrorClass{usherv1.ErrorTemporary, usherv1.ErrorConfiguration} {
		for attempt := range int32(12) {
			for uid := range 1000 {
				f := &Failure{Class: class, Greylisted: uid%2 == 0}
				if d := Pause(types.UID(fmt.Sprint(uid)), attempt, f); d > LongestWait {
					t.Fatalf("attempt %d pauses for %s", attempt, d)
				}
			}
		}
	}
}
