// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/moment"
)

// Skew sets operator Op's clock ahead by N milliseconds, behind if N is negative, and right if N is 0. The API server's clock is right.
const Skew Action = "skew"

// resyncAfter is how long a wrong clock can have the operator's timers wait: then every cache tells of every object again, as
// controller-runtime has it by default.
const resyncAfter = 10 * time.Hour

// longestTTL is how long a link may work, as the CRDs say.
const longestTTL = 720 * time.Hour

func (w *world) skew(s Step) bool {
	o, ahead := w.ops[s.Op], time.Duration(s.N)*time.Millisecond
	if o.ahead == ahead {
		return false
	}
	w.noteSkew()
	o.ahead = ahead
	w.noteSkew()
	w.counts.Skews++
	w.refresh()
	return true
}

// now is the time by the operator's clock.
func (o *operator) now() time.Time { return o.world.now().Add(o.ahead) }

// noteSkew remembers when a clock was last wrong.
func (w *world) noteSkew() {
	for _, o := range w.ops {
		if o.ahead != 0 {
			w.pastFacts.skewed, w.pastFacts.lastSkew = true, w.steps
		}
	}
}

// clocksDiffer reports whether the operators' clocks differ now.
func (w *world) clocksDiffer() bool { return w.ops[0].ahead != w.ops[1].ahead }

// rightClocks sets all clocks right.
func (w *world) rightClocks() {
	for i := range w.ops {
		w.apply(Step{Do: Skew, Op: i})
	}
}

// times are what the clocks showed that a task may go by: the API server's, and the operator's own if it differs.
func (w *world) times(t *task) []time.Time {
	if t.op.ahead == 0 {
		return []time.Time{w.now()}
	}
	return []time.Time{w.now(), t.op.now()}
}

// hangsUp is when a task ends its conversation by the right clock, given when it does by the operator's.
func (w *world) hangsUp(t *task, by time.Time) time.Duration {
	return min(by.Add(-t.op.ahead).Sub(epoch), w.clock+delivery.SendLease-delivery.RenewEvery/2)
}

// differed reports whether clocks differed since a step. Then two operators may send the same mail.
func (w *world) differed(since int) bool {
	w.noteSkew()
	return w.pastFacts.skewed && w.pastFacts.lastSkew >= since
}

// checkEnd: a member's access ends when its time has come by the clock of the operator that says so.
func (w *world) checkEnd(was, is *usherv1.Member) {
	says := func(m *usherv1.Member) bool {
		return readyReason(m.Status.Conditions) == usherv1.ReasonAccessEnded && m.Status.ObservedGeneration == is.Generation
	}
	if !says(is) || says(was) || is.Spec.Ended(w.now()) {
		return
	}
	if latest := w.actor.facts.latest; !is.Spec.Ended(latest) {
		w.violated("ends-in-time", "the access of member %s ended at %s, before %s", is.Name, latest, is.Spec.AccessUntil)
	}
	w.pastFacts.endedEarly[is.UID] = is.Generation
}

// endedEarly reports whether a clock that was ahead ended a member's access. That is not undone while the spec stays.
func (w *world) endedEarly(m *usherv1.Member) bool {
	generation, early := w.pastFacts.endedEarly[m.UID]
	return early && generation == m.Generation && m.Status.ObservedGeneration == generation &&
		readyReason(m.Status.Conditions) == usherv1.ReasonAccessEnded
}

// ended reports whether a member's access has ended, by a right clock or by one that was ahead.
func (w *world) ended(m *usherv1.Member) bool {
	return m != nil && (m.Spec.Ended(w.now()) || w.endedEarly(m))
}

// checkExpiry: a link expires when its time has come by the clock of the operator that says so.
func (w *world) checkExpiry(was, is *usherv1.Invitation) {
	if w.actor == nil || is.Status.State != usherv1.InvitationExpired || was.Status.State == usherv1.InvitationExpired {
		return
	}
	if is.Status.ExpiresAt == nil || w.actor.facts.latest.Before(is.Status.ExpiresAt.Time) {
		w.violated("expires-in-time", "invitation %s expired at %s, before %s", is.Name, w.actor.facts.latest, is.Status.ExpiresAt)
	}
}

// checkTimesAtRest: no status says a time that a right clock could not have written, as far as anything waits for it.
func (w *world) checkTimesAtRest() {
	for _, o := range w.api.tables[invitations] {
		inv := o.(*usherv1.Invitation)
		s := &inv.Status
		clock := moment.At(w.now(), inv)
		// The link to an address that the member does not have any more does not work, whatever its times.
		m := w.member(inv.Spec.MemberRef.Name)
		works := s.State == usherv1.InvitationSent && m != nil && m.Spec.Email.SameAs(usherv1.EmailAddress(s.Recipient))
		if works && (!clock.Believes(s.SentAt.Time, 0) || !clock.Believes(s.ExpiresAt.Time, longestTTL)) {
			w.violated("believed", "the link of invitation %s was sent at %s, and works until %s", inv.Name, s.SentAt, s.ExpiresAt)
		}
		if s.NextAttemptAt != nil && !clock.Believes(s.NextAttemptAt.Time, delivery.LongestWait) {
			w.violated("believed", "invitation %s waits until %s", inv.Name, s.NextAttemptAt)
		}
	}
	for _, o := range w.api.tables[members] {
		m := o.(*usherv1.Member)
		for _, c := range m.Status.Conditions {
			if !moment.At(w.now(), m).Believes(c.LastTransitionTime.Time, 0) {
				w.violated("believed", "condition %s of member %s is there since %s", c.Type, m.Name, c.LastTransitionTime)
			}
		}
	}
}
