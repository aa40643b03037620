// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package conditions

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

var now = time.Date(2026, time.March, 8, 9, 30, 0, 0, time.UTC)

func TestSet(t *testing.T) {
	g := NewWithT(t)
	var list []metav1.Condition
	w := Writer{List: &list, Generation: 3, Now: now.Add(700 * time.Millisecond)}
	w.Set("Full", false, "SeatsAvailable", "")
	g.Expect(list).To(Equal([]metav1.Condition{{
		Type: "Full", Status: metav1.ConditionFalse, Reason: "SeatsAvailable", ObservedGeneration: 3, LastTransitionTime: metav1.Time{Time: now},
	}}), "no fractions of a second: the API server drops them")

	w = Writer{List: &list, Generation: 4, Now: now.Add(time.Minute)}
	w.Set("Full", false, "SeatsReduced", "fewer")
	g.Expect(list).To(HaveLen(1))
	g.Expect(list[0].LastTransitionTime.Time).To(Equal(now), "only the reason and the message changed")
	g.Expect(list[0].Reason).To(Equal("SeatsReduced"))
	g.Expect(list[0].Message).To(Equal("fewer"))
	g.Expect(list[0].ObservedGeneration).To(BeEquivalentTo(4))

	w.Set("Full", true, "AllSeatsClaimed", "")
	g.Expect(list[0].Status).To(Equal(metav1.ConditionTrue))
	g.Expect(list[0].LastTransitionTime.Time).To(Equal(now.Add(time.Minute)))
}

func TestSetLimitsTheMessage(t *testing.T) {
	g := NewWithT(t)
	var list []metav1.Condition
	w := Writer{List: &list, Now: now}
	w.Set("Ready", true, "R", strings.Repeat("a", maxMessage))
	g.Expect(list[0].Message).To(HaveLen(maxMessage))
	w.Set("Ready", true, "R", strings.Repeat("a", maxMessage+1))
	g.Expect(list[0].Message).To(HaveLen(maxMessage))
}

// From every outlook to every other: Ready always exists, Reconciling and Stalled only while they are True.
func TestSetReady(t *testing.T) {
	conditionOf := map[Outlook]string{Done: usherv1.ConditionReady, Working: usherv1.ConditionReconciling, Stuck: usherv1.ConditionStalled}
	for before := range conditionOf {
		for after, kind := range conditionOf {
			t.Run(conditionOf[before]+" to "+kind, func(t *testing.T) {
				g := NewWithT(t)
				list := []metav1.Condition{{Type: "Full", Status: metav1.ConditionTrue, Reason: "AllSeatsClaimed"}}
				Writer{List: &list, Generation: 1, Now: now}.SetReady(Sentence{Outlook: before, Reason: "Before", Message: "b"})
				Writer{List: &list, Generation: 2, Now: now.Add(time.Hour)}.SetReady(Sentence{Outlook: after, Reason: "After", Message: "a"})

				for _, k := range conditionOf {
					c := meta.FindStatusCondition(list, k)
					if k != usherv1.ConditionReady && k != kind {
						g.Expect(c).To(BeNil(), k)
						continue
					}
					g.Expect(c).NotTo(BeNil(), k)
					g.Expect(c.Status == metav1.ConditionTrue).To(Equal(k == kind), k)
					g.Expect(c.Reason).To(Equal("After"))
					g.Expect(c.Message).To(Equal("a"))
					g.Expect(c.ObservedGeneration).To(BeEquivalentTo(2))
				}
				moved := (before == Done) != (after == Done)
				g.Expect(meta.FindStatusCondition(list, usherv1.ConditionReady).LastTransitionTime.Time.Equal(now)).To(Equal(!moved))
				g.Expect(meta.IsStatusConditionTrue(list, "Full")).To(BeTrue(), "other conditions are unchanged")
			})
		}
	}
}

func TestReason(t *testing.T) {
	g := NewWithT(t)
	list := []metav1.Condition{{Type: "Ready", Reason: "Accepted"}}
	g.Expect(Reason(list, "Ready")).To(Equal("Accepted"))
	g.Expect(Reason(list, "Stalled")).To(BeEmpty())
	g.Expect(Reason(nil, "Ready")).To(BeEmpty())
}

// A time that a clock a year ahead wrote is put right, whatever the status says; one that a clock a little ahead wrote stays.
func TestSetPutsATransitionOfAWrongClockRight(t *testing.T) {
	g := NewWithT(t)
	list := []metav1.Condition{{Type: "Full", Status: metav1.ConditionTrue, LastTransitionTime: metav1.Time{Time: now.AddDate(1, 0, 0)}}}
	w := Writer{List: &list, Now: now}
	w.Set("Full", true, "AllSeatsTaken", "")
	g.Expect(list[0].LastTransitionTime.Time).To(Equal(now))
	Writer{List: &list, Now: now.Add(-time.Minute)}.Set("Full", true, "AllSeatsTaken", "")
	g.Expect(list[0].LastTransitionTime.Time).To(Equal(now))
}
