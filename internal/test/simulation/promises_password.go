// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/message"
)

// What is promised of links that set a password, and of the mails about passwords.
const (
	// resetLife is how long a link works.
	resetLife = 30 * time.Minute
	// resetPause is between two mails with a link.
	resetPause = 15 * time.Minute
)

// passwordMail is a delivered mail about a member's password.
type passwordMail struct {
	// member whose password it is, with its name.
	member types.UID
	name   string
	// to is the recipient, link empty if the mail tells of another password, and id the Message-ID.
	to, link, id string
	// hash is that of the password that the link is for, and ends when it stops working.
	hash string
	ends time.Time
	// copies and allowedCopies have the same meaning as in delivered.
	copies, allowedCopies int
	// began is the step at which the task began that delivered it first, and at the time.
	began int
	at    time.Duration
}

// claimedMail is what a task has claimed to send.
type claimedMail struct {
	hash string
	ends time.Time
}

// observePassword updates the facts about a member's password.
func (f *facts) observePassword(w *world, m *usherv1.Member, secret *corev1.Secret, now time.Time) {
	if secret == nil {
		return
	}
	f.signsIn = f.signsIn || w.mayBeMailed(m, now) && w.accepted(m, secret) && hashOf(secret) != "" && !w.account().DeliversByLink()
	for _, kind := range credentials.PasswordMailKinds {
		asked, life := credentials.PasswordMailAsked(secret, kind), resetLife
		if kind == credentials.PasswordChanged {
			life = 24 * time.Hour
		}
		if said := askedFor(kind, asked); !asked.IsZero() && now.Before(asked.Add(life)) && !slices.Contains(f.asked, said) {
			f.asked = append(f.asked, said)
		}
	}
}

func askedFor(kind credentials.PasswordMailKind, at time.Time) string {
	return fmt.Sprintf("%d-%s", at.Unix(), kind)
}

// mayBeMailed reports whether neither a member nor its account is disabled.
func (w *world) mayBeMailed(m *usherv1.Member, now time.Time) bool {
	return m.DeletionTimestamp == nil && m.Spec.State != usherv1.StateDisabled && !m.Spec.Ended(now) && w.open()
}

// deliverPassword puts a mail about a password that task t sends into the inbox, and checks that it may be sent.
func (w *world) deliverPassword(t *task, m message.Password) {
	t.mail = m.MessageID
	w.note("mail %s to %s", m.MessageID, m.To)
	id, _, _ := strings.Cut(m.MessageID, "@")
	uid, asked, found := strings.Cut(id, ".password-")
	if !found {
		w.violated("mail-identified", "the Message-ID %q names no password", m.MessageID)
		return
	}
	for _, p := range w.passwordMails {
		if p.id == m.MessageID {
			w.checkPasswordCopy(p, m)
			return
		}
	}
	p := &passwordMail{
		member: types.UID(uid), name: t.key.Name, to: m.To, link: m.Link, id: m.MessageID, copies: 1, began: t.began, at: w.clock,
		hash: t.claimed.hash, ends: t.claimed.ends,
	}
	w.checkPasswordMail(t, p, asked)
	w.passwordMails = append(w.passwordMails, p)
}

// checkPasswordCopy: a mail is sent again only after a crash or a lost response, and is the same then.
func (w *world) checkPasswordCopy(p *passwordMail, m message.Password) {
	p.copies++
	if w.differed(p.began) {
		p.allowedCopies++
	}
	if p.copies > 1+p.allowedCopies {
		w.violated("password-mailed-once", "%d mails %s", p.copies, p.id)
	}
	if m.Link != p.link || m.To != p.to {
		w.violated("copies-alike", "two mails %s about a password differ", p.id)
	}
}

// checkPasswordMail: a mail goes to the address in use of a member that asked for it and can sign in, and links at intervals.
func (w *world) checkPasswordMail(t *task, p *passwordMail, asked string) {
	for _, now := range w.times(t) {
		w.observe(&t.facts, p.name, now)
	}
	switch f := &t.facts; {
	case !slices.ContainsFunc(f.asked, func(said string) bool { return strings.HasPrefix(asked, said) }):
		w.violated("password-mail-asked", "mail %s was not asked for, or too long ago", p.id)
	case !f.signsIn:
		w.violated("password-mail-wanted", "mail %s is about the password of a member that cannot sign in", p.id)
	case !slices.Contains(f.addresses, usherv1.EmailAddress(p.to).Key()):
		w.violated("password-mail-to-member", "mail %s went to %s, which is not the member's", p.id, p.to)
	}
	if p.link == "" || w.pastFacts.skewed {
		return
	}
	for _, earlier := range w.passwordMails {
		if earlier.link != "" && earlier.member == p.member && w.clock-earlier.at < resetPause-time.Second {
			w.violated("links-keep-a-pace", "mail %s came %s after another", p.id, w.clock-earlier.at)
		}
	}
}

// checkPassword: only a link that was mailed sets another password, once, while it works and is for the present one. What the controller
// claims has a link that ends in time.
func (w *world) checkPassword(c change) {
	was, _ := c.before.(*corev1.Secret)
	is, _ := c.after.(*corev1.Secret)
	name, ofMember := strings.CutPrefix(c.key().Name, "usher-member-")
	if ofMember && was == nil {
		delete(w.passwords, name)
	}
	if was == nil || is == nil || !ofMember {
		return
	}
	by := w.actor
	if by == nil {
		w.allowPasswordMails(name)
		return
	}
	if by.on == passwordResets {
		w.noteClaim(by, was, is)
	}
	if hashOf(was) == hashOf(is) || hashOf(is) == "" {
		return
	}
	if by.visit == nil || by.visit.reset == nil {
		w.violated("password-kept", "the password of member %s was changed, and no one has set another", name)
		return
	}
	v := by.visit
	switch link := v.reset.link; {
	case v.reset.looks:
		w.violated("looking-sets-nothing", "the password of member %s changed when the link was opened", name)
	case link.hash != hashOf(was):
		w.violated("dead-reset-link", "the link %s set a password, and was for another one than member %s had", link.id, name)
	case !v.admissible:
		w.violated("dead-reset-link", "the link %s set a password of member %s after its end, or while it had no access", link.id, name)
	}
	v.reset.stored = true
	w.passwords[name] = v.reset.password
	w.counts.Resets++
}

// allowPasswordMails allows another copy of a member's mails: its credentials were restored, maybe from before they were sent.
func (w *world) allowPasswordMails(member string) {
	for _, p := range w.passwordMails {
		if p.name == member {
			p.allowedCopies++
			delete(w.knownBy, p.id)
		}
	}
}

// noteClaim remembers what a task has claimed, and that its attempt ends before its lease.
func (w *world) noteClaim(t *task, was, is *corev1.Secret) {
	before := credentials.PasswordMailsOf(was)
	for kind, mail := range credentials.PasswordMailsOf(is) {
		if mail.State != usherv1.EndNoticeSending || mail.Attempts == before[kind].Attempts && mail.For.Time.Equal(before[kind].For.Time) {
			continue
		}
		t.endBy = w.hangsUp(t, membership.PasswordMailAttempt(is, kind).HangUp())
		t.claimed = claimedMail{hash: hashOf(is)}
		if kind != credentials.ResetLink {
			continue
		}
		t.claimed.ends = mail.ExpiresAt.Time
		if latest := t.facts.latest.Add(resetLife); t.claimed.ends.After(latest) {
			w.violated("reset-link-ends", "the link that is mailed to %s works until %s, which is later than %s", is.Name, t.claimed.ends, latest)
		}
	}
}
