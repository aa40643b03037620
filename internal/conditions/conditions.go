// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package conditions writes conditions in the way that all of Usher's kinds share. It is pure: the caller gives the time.
package conditions

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/moment"
)

// maxMessage is how long a message may be, in bytes (metav1.Condition).
const maxMessage = 32768

// Writer sets conditions of one object at one moment. A condition's lastTransitionTime moves only when its status does, or if a clock that
// was ahead set it.
type Writer struct {
	List       *[]metav1.Condition
	Generation int64
	Now        time.Time
}

// Set makes one condition True or False.
func (w Writer) Set(kind string, status bool, reason, message string) {
	c := metav1.Condition{
		Type: kind, Status: metav1.ConditionFalse, Reason: reason, Message: message[:min(len(message), maxMessage)],
		ObservedGeneration: w.Generation, LastTransitionTime: moment.Of(w.Now),
	}
	if status {
		c.Status = metav1.ConditionTrue
	}
	if is := meta.FindStatusCondition(*w.List, kind); is != nil && !(moment.Clock{Now: w.Now}).Believes(is.LastTransitionTime.Time, 0) {
		is.LastTransitionTime = c.LastTransitionTime // a clock that was ahead set it
	}
	meta.SetStatusCondition(w.List, c)
}

// SetState makes one of Pending, Active and Disabled True, all with that reason.
func (w Writer) SetState(state usherv1.ObservedState, reason string) {
	w.Set(usherv1.ConditionPending, state == usherv1.ObservedPending, reason, "")
	w.Set(usherv1.ConditionActive, state == usherv1.ObservedActive, reason, "")
	w.Set(usherv1.ConditionDisabled, state == usherv1.ObservedDisabled, reason, "")
}

// Outlook is what a reader of Ready, Reconciling and Stalled should expect (kstatus).
type Outlook int

const (
	// Done: Usher has done its part.
	Done Outlook = iota
	// Working: Usher is at work, or waits for something that comes by itself.
	Working
	// Stuck: nothing happens until a user changes an object.
	Stuck
)

// Grace is how long a reference to an object that does not exist is Reconciling before it is Stalled: an apply may create the object
// that is referred to after the one that refers to it, and a pipeline that waits fails at once on Stalled.
const Grace = time.Minute

// Sentence is what a Ready condition says.
type Sentence struct {
	Outlook Outlook
	Reason  string
	Message string
	// Graced: for as long as Grace, a Stuck outlook is reported as Working.
	Graced bool
}

// SetReady sets Ready, and Reconciling or Stalled only while they are true. It returns when the grace of the sentence ends, so that Ready
// has to be set again; zero for never.
func (w Writer) SetReady(s Sentence) (graceEnds time.Time) {
	if s.Graced && s.Outlook == Stuck {
		if graceEnds = w.graceEnds(s.Reason); !graceEnds.IsZero() {
			s.Outlook = Working
		}
	}
	w.Set(usherv1.ConditionReady, s.Outlook == Done, s.Reason, s.Message)
	for kind, when := range map[string]Outlook{usherv1.ConditionReconciling: Working, usherv1.ConditionStalled: Stuck} {
		if s.Outlook == when {
			w.Set(kind, true, s.Reason, s.Message)
		} else {
			meta.RemoveStatusCondition(w.List, kind)
		}
	}
	return graceEnds
}

// graceEnds returns when the grace of a reason ends; zero if it is over. It begins when the reason is first said of a generation.
func (w Writer) graceEnds(reason string) time.Time {
	said := func(kind string) *metav1.Condition {
		if c := meta.FindStatusCondition(*w.List, kind); c != nil && c.Reason == reason && c.ObservedGeneration == w.Generation {
			return c
		}
		return nil
	}
	if said(usherv1.ConditionStalled) != nil {
		return time.Time{}
	}
	begun := w.Now.Truncate(time.Second)
	if c := said(usherv1.ConditionReconciling); c == nil {
		meta.RemoveStatusCondition(w.List, usherv1.ConditionReconciling) // another reason: its lastTransitionTime is not the beginning
	} else if c.LastTransitionTime.Time.Before(begun) { // else it is of a clock that is ahead
		begun = c.LastTransitionTime.Time
	}
	if ends := begun.Add(Grace); w.Now.Before(ends) {
		return ends
	}
	return time.Time{}
}

// Reason returns the reason of the condition of that type; empty if there is none.
func Reason(list []metav1.Condition, kind string) string {
	if c := meta.FindStatusCondition(list, kind); c != nil {
		return c.Reason
	}
	return ""
}
