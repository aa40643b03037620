// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/moment"
	"github.com/usher-dev/usher/internal/reason"
)

// NoticeBefore is how long before a member's access expires the notice of it is due.
const NoticeBefore = 7 * 24 * time.Hour

// ExpiryNoticeObservation is all that a decision about the notices that a Member's access expires depends on.
type ExpiryNoticeObservation struct {
	Member *usherv1.Member
	// Account of the Member; nil if it does not exist.
	Account *usherv1.Account
	// Contact of the account's company. It is needed only while NoticeDue.
	Contact usherv1.AccountContact
	// Turn has the recipients whose notice may be sent although the mail server is not ready: it is asked with one mail at a time.
	Turn []usherv1.EndNoticeRecipient
}

// ExpiryNoticePlan is which notice to send, and to whom.
type ExpiryNoticePlan struct {
	// Notices are the complete new status.endNotices. If Send is set they are the claim of an attempt, to be written before
	// anything is sent.
	Notices []usherv1.EndNotice
	// Send is the recipient of the mail that Notices describe; empty if no notice is due.
	Send usherv1.EndNoticeRecipient
	// AwaitsTurn is the recipient of a notice that is due and only waits for the mail server; empty if none is.
	AwaitsTurn usherv1.EndNoticeRecipient
	// Wake is when to decide again if nothing changes before; zero for never.
	Wake time.Time

	changes bool
	// clock judges the times that the notices record.
	clock moment.Clock
}

// NeedsLiveReads reports whether the plan sends a mail or gives one up, and so must be made from live reads.
func (p ExpiryNoticePlan) NeedsLiveReads() bool { return p.changes }

// NoticeDue reports whether a notice to m may be due at now: its access expires within NoticeBefore.
func NoticeDue(m *usherv1.Member, now time.Time) bool {
	return m.Spec.AccessUntil != nil && !m.Spec.Ended(now) && !now.Before(m.Spec.AccessUntil.Add(-NoticeBefore))
}

// DecideExpiryNotices returns what to do at now. An Active member and its account's contact are told once of each date on which
// access expires, NoticeBefore that date, or as soon as the member is Active after that. No notice is sent once the date has come.
func DecideExpiryNotices(o ExpiryNoticeObservation, now time.Time) ExpiryNoticePlan {
	p := ExpiryNoticePlan{Notices: slices.Clone(o.Member.Status.EndNotices), clock: moment.At(now, o.Member)}
	p.decide(o, now)
	p.changes = !equality.Semantic.DeepEqual(p.Notices, o.Member.Status.EndNotices)
	return p
}

func (p *ExpiryNoticePlan) decide(o ExpiryNoticeObservation, now time.Time) {
	m := o.Member
	until := m.Spec.AccessUntil
	if until == nil || m.DeletionTimestamp != nil {
		return
	}
	if m.Spec.Ended(now) {
		p.giveUp(*until)
		return
	}
	if !NoticeDue(m, now) {
		p.Wake = until.Add(-NoticeBefore)
		return
	}
	if slices.ContainsFunc(p.Notices, func(n usherv1.EndNotice) bool { return unsent(n, *until) }) {
		p.Wake = until.Time // to give it up, even if the member is not Active any more
	}
	if m.Status.State != usherv1.ObservedActive || !notifies(o.Account) {
		return
	}
	before := p.Wake
	p.Wake = until.Time
	for _, to := range recipients(o) {
		if p.Send == "" && p.AwaitsTurn == "" {
			p.attempt(to, *until, reason.OfDelivery(o.Account).ByMail || slices.Contains(o.Turn, to))
		}
	}
	if p.AwaitsTurn != "" && p.Wake.Equal(until.Time) {
		p.Wake = before
	}
}

// notifies reports whether the account, which may be nil, has mails sent.
func notifies(a *usherv1.Account) bool {
	return a != nil && a.Spec.State != usherv1.StateDisabled && !a.DeliversByLink()
}

// recipients are the member, and the account's contact unless both have one address.
func recipients(o ExpiryNoticeObservation) []usherv1.EndNoticeRecipient {
	if o.Contact.Email == "" || o.Contact.Email.SameAs(o.Member.EmailInUse()) {
		return []usherv1.EndNoticeRecipient{usherv1.NoticeToMember}
	}
	return []usherv1.EndNoticeRecipient{usherv1.NoticeToMember, usherv1.NoticeToContact}
}

// attempt makes the recipient's notice the claim of an attempt, if one is due now and may be sent.
func (p *ExpiryNoticePlan) attempt(to usherv1.EndNoticeRecipient, until metav1.Time, may bool) {
	n := &usherv1.EndNotice{To: to, AccessUntil: moment.Of(until.Time), State: usherv1.EndNoticePending}
	at := slices.IndexFunc(p.Notices, func(n usherv1.EndNotice) bool { return n.To == to })
	if at >= 0 {
		*n = p.Notices[at]
	}
	if expiryNotice(n).awaits(p.clock) && (n.State == usherv1.EndNoticeSending || about(*n, until)) {
		if n.NextAttemptAt.Time.Before(p.Wake) {
			p.Wake = n.NextAttemptAt.Time
		}
		return
	}
	if !about(*n, until) {
		*n = usherv1.EndNotice{To: to, AccessUntil: moment.Of(until.Time)}
	}
	if expiryNotice(n).ended() {
		return
	}
	if !may {
		p.AwaitsTurn = to
		return
	}
	expiryNotice(n).claim(p.clock.Now)
	p.Send = to
	if at < 0 {
		p.Notices = append(p.Notices, *n)
		return
	}
	p.Notices[at] = *n
}

// about reports whether a notice is about that date. accessUntil may have a fraction of a second, which the notice has not.
func about(n usherv1.EndNotice, until metav1.Time) bool {
	return moment.Same(n.AccessUntil.Time, until.Time)
}

// unsent reports whether a notice is about that date, and neither sent nor given up.
func unsent(n usherv1.EndNotice, until metav1.Time) bool {
	return about(n, until) && !expiryNotice(&n).ended()
}

// giveUp ends the notices that were not sent before access expired, except one that a sender may be sending right now.
func (p *ExpiryNoticePlan) giveUp(until metav1.Time) {
	for i := range p.Notices {
		n := &p.Notices[i]
		switch {
		case !unsent(*n, until):
		case n.State == usherv1.EndNoticeSending && expiryNotice(n).awaits(p.clock):
			p.Wake = n.NextAttemptAt.Time
		default:
			n.State, n.NextAttemptAt = usherv1.EndNoticeFailed, nil
		}
	}
}

// NoticeTo returns the Member's notice to that recipient; nil if there is none.
func NoticeTo(member *usherv1.Member, to usherv1.EndNoticeRecipient) *usherv1.EndNotice {
	i := slices.IndexFunc(member.Status.EndNotices, func(n usherv1.EndNotice) bool { return n.To == to })
	if i < 0 {
		return nil
	}
	return &member.Status.EndNotices[i]
}

// NoticeAttempt returns the latest attempt at the notice to that recipient.
func NoticeAttempt(member *usherv1.Member, to usherv1.EndNoticeRecipient) delivery.Attempt {
	n := NoticeTo(member, to)
	if n == nil {
		return delivery.Attempt{Message: string(to)}
	}
	return expiryNotice(n).attempt(fmt.Sprintf("%s, %d", to, n.AccessUntil.Unix()))
}

// ExtendNotice moves the end of the lease of the attempt at the notice to that recipient.
func ExtendNotice(member *usherv1.Member, to usherv1.EndNoticeRecipient, until time.Time) {
	NoticeTo(member, to).NextAttemptAt = moment.Ref(until)
}

// ConcludeNotice records how the attempt at the notice to that recipient ended; a nil failure means that the server accepted the
// mail at now.
func ConcludeNotice(member *usherv1.Member, to usherv1.EndNoticeRecipient, failure *delivery.Failure, now time.Time) {
	expiryNotice(NoticeTo(member, to)).conclude(member.UID, failure, now)
}
