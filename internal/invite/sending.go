// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/moment"
	"github.com/usher-dev/usher/internal/reason"
)

func (p *Plan) sendNew(o Observation, now time.Time) {
	s := &p.Status
	if !maySend(o) || !p.deliverable(o) || !o.Account.DeliversByLink() && p.held(o, now) {
		return
	}
	s.SendGeneration = o.Invitation.Spec.SendGeneration
	s.LinkGeneration = max(min(s.LinkGeneration, usherv1.MaxCounter-1)+1, s.SendGeneration)
	s.Recipient = string(o.Member.Spec.Email)
	s.Attempts, s.FirstAttemptAt, s.LastError, s.MessageID, s.KeyID, s.Reminders = 0, nil, nil, "", "", nil
	p.attempt(o, now)
}

func (p *Plan) sendAgain(o Observation, now time.Time) {
	s := &p.Status
	if !maySend(o) {
		return
	}
	if o.Account.DeliversByLink() {
		if p.deliverable(o) {
			p.attempt(o, now)
		}
		return
	}
	due := nextAttempt(s, o, now)
	if !deliveryReady(o.Account) && now.Before(due) {
		if p.Wake = due; o.Turn {
			p.told = toldBefore(o, now)
		}
		return
	}
	if p.deliverable(o) {
		p.attemptAgain(due, o, now)
	}
}

// attemptAgain repeats an attempt if it is due, and gives up when the ttl has passed.
func (p *Plan) attemptAgain(due time.Time, o Observation, now time.Time) {
	s := &p.Status
	if givesUp := p.givesUp(o, now); !givesUp.IsZero() {
		if !now.Before(givesUp) {
			p.settle(usherv1.InvitationFailed)
			return
		}
		if givesUp.Before(due) {
			due = givesUp
		}
	}
	if now.Before(due) {
		p.Wake = due
		p.told = toldBefore(o, now)
		return
	}
	was := s.NextAttemptAt
	if !p.held(o, now) {
		p.attempt(o, now)
	}
	if s.NextAttemptAt != was {
		leaveOut(s, was, now)
	}
}

// attempt makes the status a fence for one attempt. A link that is not mailed needs no fence: it is sent as soon as it exists.
func (p *Plan) attempt(o Observation, now time.Time) {
	s := &p.Status
	s.Language = Language(o.Member, o.Account)
	if o.Account.DeliversByLink() {
		s.MessageID, s.KeyID, s.LastError, s.NextAttemptAt, s.AcceptedAt = "", "", nil, nil, nil
		setSent(s, o, now)
		return
	}
	s.State = usherv1.InvitationSending
	s.Attempts = delivery.Attempted(s.Attempts)
	if s.FirstAttemptAt == nil {
		s.FirstAttemptAt = moment.Ref(now)
	}
	s.NextAttemptAt = delivery.Lease(now)
	s.SentAt, s.ExpiresAt, s.AcceptedAt = nil, nil, nil
	p.Send = true
}

func maySend(o Observation) bool {
	return Cleared(o.Member, o.Invitation, o.Account) && o.Account != nil && o.Account.Spec.State != usherv1.StateDisabled
}

// deliverable reports whether the link that is due can be delivered now.
func (p *Plan) deliverable(o Observation) bool {
	if deliveryReady(o.Account) {
		return true
	}
	p.AwaitsTurn = !o.Account.DeliversByLink() && !o.Turn
	return o.Turn && !o.Account.DeliversByLink()
}

// deliveryReady reports whether the account's links can be delivered in the way that its spec asks for; its condition may still be about
// the other way.
func deliveryReady(account *usherv1.Account) bool {
	return meta.IsStatusConditionTrue(account.Status.Conditions, usherv1.ConditionMailReady) &&
		reason.OfDelivery(account).ByLink == account.DeliversByLink()
}

// nextAttempt returns when a failed attempt is repeated: at its time, or at once if the mail server was corrected since, or answers again.
// If it asked to try again later, that holds whatever happens to it in between. Times are recorded in whole seconds: where the server
// answered in the second of the failure, it may have been after it, and the attempt is repeated a second later.
func nextAttempt(s *usherv1.InvitationStatus, o Observation, now time.Time) time.Time {
	if waitsForQuota(s) || !clockOf(o, now).Awaits(s.NextAttemptAt, delivery.LongestWait) {
		return time.Time{} // what still holds it is asked next
	}
	mail := meta.FindStatusCondition(o.Account.Status.Conditions, usherv1.ConditionMailReady)
	if s.LastError == nil || s.LastError.Class == usherv1.ErrorTemporary && isReply(s.LastError) ||
		mail == nil || mail.Status != metav1.ConditionTrue ||
		mail.LastTransitionTime.Time.Before(s.LastError.At.Time) || !moment.At(now, o.Account).Believes(mail.LastTransitionTime.Time, 0) {
		return s.NextAttemptAt.Time
	}
	if !moment.Same(mail.LastTransitionTime.Time, s.LastError.At.Time) {
		return time.Time{}
	}
	if soon := s.LastError.At.Add(time.Second); soon.Before(s.NextAttemptAt.Time) {
		return soon
	}
	return s.NextAttemptAt.Time
}
