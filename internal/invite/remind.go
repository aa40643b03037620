// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"slices"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/reason"
)

// point is one moment before a link's expiry at which its invitee is reminded.
type point struct {
	before usherv1.Lead
	// due is the first moment to remind, ends the first at which it is too late: half of the announced time is gone, or the next
	// reminder is due. A point that is no longer asked for has neither.
	due, ends time.Time
}

// points are those of the present link: the ones that the account asks for, and those that were begun before it stopped to ask.
func points(s *usherv1.InvitationStatus, account *usherv1.Account) []point {
	var list []point
	for _, asked := range account.Spec.Invitations.Reminders {
		before := asked.Duration()
		if before <= 0 || before >= s.ExpiresAt.Sub(s.SentAt.Time) {
			continue
		}
		list = append(list, point{
			before: usherv1.LeadOf(before), due: s.ExpiresAt.Add(-before), ends: s.ExpiresAt.Add(-before / 2),
		})
	}
	slices.SortFunc(list, func(a, b point) int { return a.due.Compare(b.due) })
	list = slices.CompactFunc(list, func(a, b point) bool { return a.before == b.before })
	for i := range list[:max(len(list)-1, 0)] {
		if next := list[i+1].due; next.Before(list[i].ends) {
			list[i].ends = next
		}
	}
	for _, r := range s.Reminders {
		if !slices.ContainsFunc(list, func(p point) bool { return p.before == r.Before }) {
			list = append(list, point{before: r.Before})
		}
	}
	return list
}

// remind looks after the reminders of a link that is out. Only an invitee that got a mail is reminded.
func (p *Plan) remind(o Observation, now time.Time) {
	s := &p.Status
	if s.MessageID == "" || s.SentAt == nil || s.ExpiresAt == nil || o.Account == nil {
		return
	}
	for _, point := range points(s, o.Account) {
		r := reminderOf(s, point.before)
		switch {
		case now.Before(point.due):
			p.wakeBy(point.due)
		case r != nil && r.NextAttemptAt == nil: // sent, or given up
		case r != nil && clockOf(o, now).Awaits(r.NextAttemptAt, delivery.LongestWait):
			p.wakeBy(r.NextAttemptAt.Time)
		case now.Before(point.ends):
			p.remindNow(point, o, now)
		case r != nil:
			r.NextAttemptAt = nil
		}
	}
}

// remindNow attempts a reminder that is due, unless another mail goes first, the invitee may not be reminded, or delivery is on hold.
func (p *Plan) remindNow(due point, o Observation, now time.Time) {
	switch {
	case p.Send || !mayRemind(o) || !p.deliverable(o):
	case o.Foreign:
		p.wakeBy(now.Add(answeredPause)) // the Member is about to say so
	case o.Hold != nil && now.Before(o.Hold.Until):
		p.wakeBy(o.Hold.Until) // the invitation is Sent and stays so: the status does not report that a reminder is delayed
	default:
		p.attemptReminder(due.before, now)
	}
}

// attemptReminder makes the status a fence for one attempt at a reminder.
func (p *Plan) attemptReminder(before usherv1.Lead, now time.Time) {
	s := &p.Status
	r := reminderOf(s, before)
	if r == nil {
		if len(s.Reminders) >= usherv1.MaxReminders {
			return
		}
		s.Reminders = append(s.Reminders, usherv1.Reminder{Before: before})
		r = &s.Reminders[len(s.Reminders)-1]
	}
	r.Attempts = delivery.Attempted(r.Attempts)
	r.NextAttemptAt = delivery.Lease(now)
	p.Send, p.Remind = true, before
}

func (p *Plan) wakeBy(moment time.Time) {
	if p.Wake.IsZero() || moment.Before(p.Wake) {
		p.Wake = moment
	}
}

// mayRemind reports whether the invitee still has to answer, and can be mailed.
func mayRemind(o Observation) bool {
	m := o.Member
	return reason.OfMember(m).Remindable && m.Status.ObservedGeneration == m.Generation &&
		m.Spec.Activation != usherv1.ActivateImmediately &&
		m.Status.InvitationRef != nil && m.Status.InvitationRef.Name == o.Invitation.Name &&
		o.Account.Spec.State != usherv1.StateDisabled && !o.Account.DeliversByLink()
}

func reminderOf(s *usherv1.InvitationStatus, before usherv1.Lead) *usherv1.Reminder {
	if i := slices.IndexFunc(s.Reminders, func(r usherv1.Reminder) bool { return r.Before == before }); i >= 0 {
		return &s.Reminders[i]
	}
	return nil
}
