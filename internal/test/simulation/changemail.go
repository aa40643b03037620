// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/message"
)

// changeMail is a delivered mail about a change of a member's address, or a link that its account delivers itself.
type changeMail struct {
	// member whose address changes, with its name, and requested when the change was noticed.
	member    types.UID
	name      string
	requested int64
	// to is the recipient, link empty in a notice, and id the Message-ID; empty if the link was not mailed.
	to, link, id string
	// copies and allowedCopies have the same meaning as in delivered.
	copies, allowedCopies int
	// began is the step at which the task began that delivered it first.
	began int
}

func (c *changeMail) isLink() bool { return c.link != "" }

// deliverChange puts a mail about a change of address that task t sends into the inbox, and checks that it may be sent.
func (w *world) deliverChange(t *task, m message.EmailChange) {
	t.mail = m.MessageID
	w.note("mail %s to %s", m.MessageID, m.To)
	id, _, _ := strings.Cut(m.MessageID, "@")
	uid, rest, _ := strings.Cut(id, ".email-")
	at, _, _ := strings.Cut(rest, "-")
	requested, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		w.violated("mail-identified", "the Message-ID %q names no change of address", m.MessageID)
		return
	}
	for _, c := range w.changeMails {
		if c.id == m.MessageID {
			w.checkChangeCopy(c, m)
			return
		}
	}
	c := &changeMail{
		member: types.UID(uid), name: t.key.Name, requested: requested, to: m.To, link: m.Link, id: m.MessageID, copies: 1, began: t.began,
	}
	w.changeMails = append(w.changeMails, c)
	w.checkChangeMail(t, c)
}

// checkChangeCopy: a mail is sent again only after a crash or a lost response, and is the same then.
func (w *world) checkChangeCopy(c *changeMail, m message.EmailChange) {
	c.copies++
	if w.differed(c.began) {
		c.allowedCopies++
	}
	if c.copies > 1+c.allowedCopies+w.pastFacts.wipes[c.member] {
		w.violated("change-mailed-once", "%d mails %s", c.copies, c.id)
	}
	if m.Link != c.link || m.To != c.to {
		w.violated("copies-alike", "two mails %s about a change of address differ", c.id)
	}
}

// checkChangeMail: the link goes to the wanted address, after the notice; the notice goes to the address in use; and nothing is mailed
// about a member that has lost its access, or whose address does not change.
func (w *world) checkChangeMail(t *task, c *changeMail) {
	for _, now := range w.times(t) {
		w.observe(&t.facts, c.name, now)
	}
	address := usherv1.EmailAddress(c.to).Key()
	switch f := &t.facts; {
	case !f.changes:
		w.violated("change-true", "mail %s is about a change of address that the member did not have, or while it had no access", c.id)
	case c.isLink() && !slices.Contains(f.wanted, address):
		w.violated("link-to-wanted", "the link that confirms an address of member %s went to %s, which the spec did not name", c.name, c.to)
	case !c.isLink() && !slices.Contains(f.addresses, address):
		w.violated("notice-to-former", "the notice of a change of member %s went to %s, which was not in use", c.name, c.to)
	case c.isLink() && c.id != "" && !w.told(t, c):
		w.violated("told-first", "the link of member %s went out before the address in use was told", c.name)
	}
}

// told reports whether the address in use was told of the change that a link is for, refused that mail, or was tried three times.
func (w *world) told(t *task, link *changeMail) bool {
	return slices.Contains(t.facts.tried, link.requested) || slices.ContainsFunc(w.changeMails, func(c *changeMail) bool {
		return c.member == link.member && c.requested == link.requested && !c.isLink()
	})
}

// tried reports whether the address in use refused the notice, or was tried three times.
func (w *world) tried(c *usherv1.EmailChange) bool {
	return slices.ContainsFunc(c.Mails, func(m usherv1.EmailChangeMail) bool {
		return m.To == usherv1.MailToFormerAddress && (w.refusedMails[m.MessageID] || m.Attempts >= noticeTries)
	})
}

// noticeTries is how often the address in use is tried before the link is mailed anyway.
const noticeTries = 3

// checkChangeMails: a mail that is recorded as sent was sent. An attempt ends before its lease.
func (w *world) checkChangeMails(was, is *usherv1.Member) {
	c := is.Status.EmailChange
	if c == nil {
		return
	}
	continues := was.Status.EmailChange != nil && was.Status.EmailChange.Email == c.Email &&
		was.Status.EmailChange.RequestedAt.Equal(&c.RequestedAt)
	if !continues {
		w.allowAnew(is.UID)
	}
	for _, n := range c.Mails {
		before := usherv1.EmailChangeMail{}
		if b := membership.ChangeMail(was, n.To); b != nil && continues {
			before = *b
		}
		if n.State == usherv1.EndNoticeSending && before.Attempts < n.Attempts && w.actor != nil {
			w.actor.endBy = w.hangsUp(w.actor, membership.ChangeMailAttempt(is, n.To).HangUp())
		}
		if n.State == usherv1.EndNoticeSent && before.State != n.State &&
			!slices.ContainsFunc(w.changeMails, func(d *changeMail) bool { return d.id == n.MessageID }) {
			w.violated("change-mail-is-delivered", "the mail to the %s of member %s is Sent, and no mail server has it", n.To, is.Name)
		}
	}
	w.checkNotMailed(was, is)
}

// checkNotMailed: a link that works from now on and was not mailed is in the hands of its account.
func (w *world) checkNotMailed(was, is *usherv1.Member) {
	worked := was.Status.EmailChange != nil && was.Status.EmailChange.ExpiresAt != nil
	if w.actor != nil && !worked && is.Status.EmailChange.ExpiresAt != nil &&
		membership.ChangeMail(is, usherv1.MailToNewAddress) == nil {
		w.handOver(is)
	}
}

// allowAnew allows another copy of a member's mails: its change begins anew, maybe within a second. Then the mails are the same.
func (w *world) allowAnew(member types.UID) {
	for _, c := range w.changeMails {
		if c.member == member {
			c.allowedCopies++
			delete(w.knownBy, c.id)
		}
	}
}

// handOver puts a link that is not mailed into the inbox.
func (w *world) handOver(m *usherv1.Member) {
	change, changes := invite.ChangeOf(m)
	keys, err := invite.NewKeyring(tokenKey)
	if err != nil {
		panic(err) // the key is a constant
	}
	path, err := keys.ChangePath(m, change)
	if err != nil || !changes || !w.pastFacts.deliversByLink {
		w.violated("change-mail-is-delivered", "the link of member %s works and was not mailed", m.Name)
		return
	}
	c := &changeMail{
		member: m.UID, name: m.Name, requested: change.Requested, to: string(change.Wanted), link: portalURL + path, copies: 1,
		began: w.actor.began,
	}
	w.changeMails = append(w.changeMails, c)
	w.checkChangeMail(w.actor, c)
}

// changing reports whether mails may be sent about a change of a member's address: its spec names another one than that in use, by its
// credentials or still by its status, and neither the member nor its account is disabled.
func (w *world) changing(m *usherv1.Member, now time.Time) bool {
	differs := !m.Spec.Email.SameAs(w.inUse(m)) || m.Status.Email != "" && !m.Spec.Email.SameAs(usherv1.EmailAddress(m.Status.Email))
	return m.DeletionTimestamp == nil && m.Spec.State != usherv1.StateDisabled && !m.Spec.Ended(now) && w.open() &&
		w.accepted(m, w.credentials(m.Name)) && differs
}
