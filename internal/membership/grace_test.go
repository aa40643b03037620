// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/reason"
)

// An apply may create an object after the one that refers to it. A missing object is Reconciling for a minute, and only then Stalled.
func TestMissingReferenceIsReconcilingForAMinute(t *testing.T) {
	causes := map[string]edit{
		"AccountNotFound":  noAccount,
		"SeatPoolNotFound": noPools,
		"PlanNotFound":     onPlan(nil),
		"RoleNotInPlan":    role("boss"),
		"RightNotInPlan":   func(o *Observation) { o.Member.Spec.Rights = []usherv1.Right{"orders:place"} },
	}
	for _, row := range reason.Members() {
		if cause := causes[row.Reason]; row.Graced != (cause != nil) {
			t.Errorf("%s: graced is %t; this test has a cause: %t", row.Reason, row.Graced, cause != nil)
		}
	}
	for why, cause := range causes {
		t.Run(why, func(t *testing.T) {
			g := NewWithT(t)
			o := observed(holding("base", 7), cause)
			begun := now.Add(300 * time.Millisecond)
			decideAt := func(o Observation, at time.Time, outlook string) Decision {
				t.Helper()
				d := Decide(o, at)
				expectState(g, d.Status, "Pending", why, outlook)
				return d
			}
			first := decideAt(o, begun, reconciling)
			ends := now.Add(conditions.Grace)
			g.Expect(first.Wake).To(BeTemporally("==", ends), "the Member is reconciled when the minute is over")

			o = written(t, o, first)
			still := decideAt(o, ends.Add(-time.Millisecond), reconciling)
			g.Expect(still.Status).To(Equal(o.Member.Status), "nothing to write in between")
			over := decideAt(o, ends, stalled)
			g.Expect(over.Wake).To(BeZero())
			decideAt(written(t, o, over), begun, stalled) // a clock that is behind does not begin anew

			edited := written(t, o, over)
			edited.Member.Generation++
			g.Expect(decideAt(edited, ends, reconciling).Wake).To(BeTemporally("==", ends.Add(conditions.Grace)), "a new spec has a minute of its own")

			ahead := written(t, o, first)
			c := meta.FindStatusCondition(ahead.Member.Status.Conditions, reconciling)
			c.LastTransitionTime.Time = now.AddDate(1, 0, 0)
			g.Expect(Decide(ahead, begun).Wake).To(BeTemporally("==", ends), "a clock that was a year ahead is not believed")
		})
	}
}

// The minute begins when the reason is first reported, however long the Member was Reconciling for another.
func TestGraceBeginsWithTheReason(t *testing.T) {
	g := NewWithT(t)
	o := observed(holding("base", 7))
	d := Decide(o, now)
	expectState(g, d.Status, "Pending", "Inviting", reconciling)
	o = written(t, o, d)
	noPools(&o)
	hour := now.Add(time.Hour)
	d = Decide(o, hour)
	expectState(g, d.Status, "Pending", "SeatPoolNotFound", reconciling)
	g.Expect(d.Wake).To(BeTemporally("==", hour.Add(conditions.Grace)))
}
