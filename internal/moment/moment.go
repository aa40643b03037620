// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package moment is how Usher compares times that objects record. It is pure: the caller gives the time.
//
// Two rules hold for every such time.
//
//   - It is compared as it is stored, in whole seconds: metav1.Time loses the fraction when it is written. So what is about to be
//     written is made with Of or Ref, and two times are one if Same says so.
//   - It is believed only as far as this code can have written it: at most as far ahead as the lease, the pause or the limit that it
//     stands for, and no further ahead than now if it stands for something that has happened. Otherwise the clock of the operator that
//     wrote it was wrong, and what it says would last until that moment comes. See Clock.
package moment

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Skew is how far the clocks of two operators, or of an operator and the API server, may differ without a time being doubted.
const Skew = 10 * time.Minute

// Of returns a time as an object stores it: without the fraction of a second.
func Of(t time.Time) metav1.Time { return metav1.Time{Time: t.Truncate(time.Second)} }

// Ref is Of for an optional field.
func Ref(t time.Time) *metav1.Time {
	stored := Of(t)
	return &stored
}

// Same reports whether two times are one as an object stores them.
func Same(a, b time.Time) bool { return a.Unix() == b.Unix() }

// Clock judges the times that an object records.
type Clock struct {
	// Now is the operator's own time.
	Now time.Time
	// Created is when the API server made the object; zero if that is not known.
	Created time.Time
}

// At returns the Clock for the times that an object records.
func At(now time.Time, object metav1.Object) Clock {
	return Clock{Now: now, Created: object.GetCreationTimestamp().Time}
}

// Believes reports whether a right clock can have written t by now, as a time that is at most that far ahead. A clock that shows a time
// before the object was made is wrong itself, and doubts nothing.
func (c Clock) Believes(t time.Time, ahead time.Duration) bool {
	return !t.After(c.Now.Add(ahead+Skew)) || c.Now.Before(c.Created.Add(-Skew))
}

// Awaits reports whether a recorded time, which is that far ahead at most when it is written, has yet to come. A time that is not believed
// is over: what waited for it is done now. A nil time is over, too.
func (c Clock) Awaits(t *metav1.Time, ahead time.Duration) bool {
	return t != nil && c.Now.Before(t.Time) && c.Believes(t.Time, ahead)
}
