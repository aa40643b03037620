// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/moment"
)

// contactAddress is the address of the account's contact.
const contactAddress = "it@acme.example"

// announcement is a delivered mail that announces the end of access.
type announcement struct {
	mail message.ExpiryNotice
	// copies and allowedCopies have the same meaning as in delivered.
	copies, allowedCopies int
	// began is the step at which the task began that delivered it first.
	began int
}

// deliverNotice puts an announcement that task t sends into the inbox. It checks that the end is in the future, that the address is the
// member's or the contact's, and that the announcement is sent once.
func (w *world) deliverNotice(t *task, m message.ExpiryNotice) {
	t.mail = m.MessageID
	member, _, _ := strings.Cut(m.MessageID, ".")
	to := member + " " + m.Member + m.MemberAddress
	again := w.pastFacts.lastAnnounced[to] != m.MessageID // the admin may set the end back to a time that was announced before another
	w.pastFacts.lastAnnounced[to] = m.MessageID
	w.note("mail %s to %s", m.MessageID, m.To)
	for _, d := range w.announced {
		if d.mail.MessageID != m.MessageID {
			continue
		}
		if again {
			d.copies = 0
		}
		d.copies++
		if w.differed(d.began) {
			d.allowedCopies++
		}
		if d.copies > 1+d.allowedCopies+w.pastFacts.wipes[types.UID(member)] {
			w.violated("announced-once", "%d mails %s", d.copies, m.MessageID)
		}
		return
	}
	w.announced = append(w.announced, &announcement{mail: m, copies: 1, began: t.began})
	if !t.facts.ending {
		w.violated("announcement-true", "the end of access of a member who had none, or none that ended then, was announced: %s", m.MessageID)
	}
	if m.Member+m.MemberAddress == "" && !slices.Contains(t.facts.addresses, m.To) {
		w.violated("announcement-to-member", "an announcement for member %s went to an address that is not its own", t.key.Name)
	}
}

// ending reports whether the member's access is about to end.
func ending(m *usherv1.Member, now time.Time) bool {
	until := m.Spec.AccessUntil
	return m.DeletionTimestamp == nil && m.Status.State == usherv1.ObservedActive && until != nil && now.Before(until.Time)
}

// checkAnnouncements: a notice that is recorded as sent was sent, and no notice is sent twice.
func (w *world) checkAnnouncements(was, is *usherv1.Member) {
	for _, n := range is.Status.EndNotices {
		i := slices.IndexFunc(was.Status.EndNotices, func(o usherv1.EndNotice) bool { return o.To == n.To })
		before := usherv1.EndNotice{}
		if i >= 0 && was.Status.EndNotices[i].AccessUntil.Equal(&n.AccessUntil) {
			before = was.Status.EndNotices[i]
		} else {
			delete(w.knownBy, n.MessageID) // the admin may have set the end back
		}
		if n.State == usherv1.EndNoticeSending && before.Attempts < n.Attempts && w.actor != nil {
			w.actor.endBy = w.hangsUp(w.actor, membership.NoticeAttempt(is, n.To).HangUp())
		}
		if n.State == usherv1.EndNoticeSent && before.State != n.State &&
			!slices.ContainsFunc(w.announced, func(d *announcement) bool { return d.mail.MessageID == n.MessageID }) {
			w.violated("announced-is-delivered", "the notice to the %s of member %s is Sent, and no mail server has it", n.To, is.Name)
		}
		if before.State == usherv1.EndNoticeSent && n.State != before.State {
			w.violated("announced-once", "the notice to the %s of member %s was Sent and is %s", n.To, is.Name, n.State)
		}
	}
}

// checkAnnouncedAtRest: if mails are sent, a member whose access ends within a week has been notified, and so has the contact.
func (w *world) checkAnnouncedAtRest(m *usherv1.Member) {
	if until := m.Spec.AccessUntil; !ending(m, w.now()) || until.Sub(w.now()) > membership.NoticeBefore || w.living() == nil ||
		w.account().DeliversByLink() {
		return
	}
	for _, to := range []usherv1.EndNoticeRecipient{usherv1.NoticeToMember, usherv1.NoticeToContact} {
		if !slices.ContainsFunc(m.Status.EndNotices, func(n usherv1.EndNotice) bool {
			return n.To == to && moment.Same(n.AccessUntil.Time, m.Spec.AccessUntil.Time) &&
				(n.State == usherv1.EndNoticeSent || n.State == usherv1.EndNoticeFailed)
		}) {
			w.violated("announced", "the access of member %s ends within a week, and the %s was not told", m.Name, to)
		}
	}
}
