// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/reason"
)

// AnnounceBefore is how long before its end a member's access is said to end.
const AnnounceBefore = 7 * 24 * time.Hour

// AnnounceLease is how long a sender of an announcement is believed to be alive: longer than any conversation lasts, so that it
// need not be renewed. Whoever finds Sending after it sends the same mail again, with the same Message-ID; a week before an end,
// these minutes do not matter.
const AnnounceLease = invite.SendTimeout + time.Minute

// ExpiryNoticeObservation is all that a decision about announcing the end of a Member's access depends on.
type ExpiryNoticeObservation struct {
	Member *usherv1.Member
	// Account of the Member; nil if it is not there.
	Account *usherv1.Account
}

// ExpiryNoticePlan is what to announce, and to whom.
type ExpiryNoticePlan struct {
	// Notices are the complete new status.endNotices. If Send is set they are its fence: to be written before anything is sent.
	Notices []usherv1.EndNotice
	// Send tells to whom the mail is to be sent that Notices describe; empty for no one.
	Send usherv1.EndNoticeRecipient
	// Wake is when to look again if nothing happens before; zero for never.
	Wake time.Time
}

// NeedsLiveReads reports whether the plan for a Member with those notices must be made again on live reads before anything is sent or
// written: it sends a mail, or gives one up.
func (p ExpiryNoticePlan) NeedsLiveReads(before []usherv1.EndNotice) bool {
	return !equality.Semantic.DeepEqual(p.Notices, before)
}

// Announce returns what to do at now: an Active member and its account's contact are told once of each end, a week before it or as
// soon as the member is Active after that. No notice is sent of an end that has come.
func Announce(o ExpiryNoticeObservation, now time.Time) ExpiryNoticePlan {
	m := o.Member
	p := ExpiryNoticePlan{Notices: slices.Clone(m.Status.EndNotices)}
	until := m.Spec.AccessUntil
	if until == nil || m.DeletionTimestamp != nil {
		return p
	}
	if m.Spec.Ended(now) {
		p.giveUp(*until, now)
		return p
	}
	if due := until.Add(-AnnounceBefore); now.Before(due) {
		p.Wake = due
		return p
	}
	if slices.ContainsFunc(p.Notices, func(n usherv1.EndNotice) bool { return unsent(n, *until) }) {
		p.Wake = until.Time // to give it up, also for a member that is no longer Active
	}
	if m.Status.State != usherv1.ObservedActive || o.Account == nil || o.Account.Spec.State == usherv1.StateDisabled ||
		o.Account.DeliversByLink() || !reason.OfDelivery(o.Account).ByMail {
		return p
	}
	p.Wake = until.Time
	for _, to := range recipients(o) {
		if p.Send == "" {
			p.attempt(to, *until, now)
		}
	}
	return p
}

// recipients are the member, and the account's contact if that is another person.
func recipients(o ExpiryNoticeObservation) []usherv1.EndNoticeRecipient {
	contact := o.Account.Spec.Contact
	if contact == nil || contact.Email == "" || strings.EqualFold(string(contact.Email), string(o.Member.Spec.Email)) {
		return []usherv1.EndNoticeRecipient{usherv1.NoticeToMember}
	}
	return []usherv1.EndNoticeRecipient{usherv1.NoticeToMember, usherv1.NoticeToContact}
}

// attempt makes the recipient's notice a fence, if one is to be sent now.
func (p *ExpiryNoticePlan) attempt(to usherv1.EndNoticeRecipient, until metav1.Time, now time.Time) {
	at := slices.IndexFunc(p.Notices, func(n usherv1.EndNotice) bool { return n.To == to })
	if at < 0 {
		at = len(p.Notices)
		p.Notices = append(p.Notices, usherv1.EndNotice{To: to, AccessUntil: until, State: usherv1.EndNoticePending})
	}
	n := &p.Notices[at]
	if n.NextAttemptAt != nil && now.Before(n.NextAttemptAt.Time) && (n.State == usherv1.EndNoticeSending || n.AccessUntil.Equal(&until)) {
		if n.NextAttemptAt.Time.Before(p.Wake) {
			p.Wake = n.NextAttemptAt.Time
		}
		return
	}
	if !n.AccessUntil.Equal(&until) {
		*n = usherv1.EndNotice{To: to, AccessUntil: until}
	}
	if n.State == usherv1.EndNoticeSent || n.State == usherv1.EndNoticeFailed {
		return
	}
	n.State = usherv1.EndNoticeSending
	n.Attempts++
	n.NextAttemptAt = &metav1.Time{Time: now.Add(AnnounceLease)}
	p.Send = to
}

// unsent reports whether a notice is of that end, and neither sent nor given up.
func unsent(n usherv1.EndNotice, until metav1.Time) bool {
	return n.AccessUntil.Equal(&until) && n.State != usherv1.EndNoticeSent && n.State != usherv1.EndNoticeFailed
}

// giveUp ends what was not sent before the end came, but for a mail that may be on its way.
func (p *ExpiryNoticePlan) giveUp(until metav1.Time, now time.Time) {
	for i := range p.Notices {
		n := &p.Notices[i]
		switch {
		case !unsent(*n, until):
		case n.State == usherv1.EndNoticeSending && n.NextAttemptAt != nil && now.Before(n.NextAttemptAt.Time):
			p.Wake = n.NextAttemptAt.Time
		default:
			n.State, n.NextAttemptAt = usherv1.EndNoticeFailed, nil
		}
	}
}

// Announced returns the notice after the attempt that it is the fence of; a nil failure means that the server accepted the mail
// at now.
func Announced(fence usherv1.EndNotice, member *usherv1.Member, failure *invite.Failure, now time.Time) usherv1.EndNotice {
	n := *fence.DeepCopy()
	n.NextAttemptAt = nil
	switch {
	case failure == nil:
		n.State, n.LastError = usherv1.EndNoticeSent, nil
		n.SentAt = &metav1.Time{Time: now.Truncate(time.Second)}
	case failure.Class == usherv1.ErrorPermanent:
		n.State, n.LastError = usherv1.EndNoticeFailed, invite.LastError(failure, now)
	default:
		n.State, n.LastError = usherv1.EndNoticePending, invite.LastError(failure, now)
		n.NextAttemptAt = &metav1.Time{Time: now.Add(invite.Pause(member.UID, n.Attempts, failure))}
	}
	return n
}
