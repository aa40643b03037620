// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/message"
)

// attemptTime is how long an attempt to send may take after its decision. Leases are not renewed here.
const attemptTime = delivery.SendLease - delivery.RenewEvery/2

func (w *world) checkInvitation(c change) {
	was, _ := c.before.(*usherv1.Invitation)
	is, _ := c.after.(*usherv1.Invitation)
	if was == nil || is == nil {
		return
	}
	if attempted, remind := attemptOf(was, is); attempted && w.actor != nil && w.actor.on == invitations {
		w.actor.endBy = w.hangsUp(w.actor, invite.AttemptOf(&is.Status, remind).HangUp())
	}
	if is.Status.State == usherv1.InvitationSent {
		w.checkSent(was, is)
	}
	if is.Status.State == usherv1.InvitationFailed && was.Status.State == usherv1.InvitationSending {
		w.checkFailed(is)
	}
	w.checkExpiry(was, is)
	if is.Status.LinkGeneration < was.Status.LinkGeneration && w.actor != nil {
		w.violated("links-grow", "invitation %s went back to link %d", is.Name, is.Status.LinkGeneration)
	}
}

// checkSent: an invitation that becomes Sent was accepted by the mail server, or its account delivers by link.
func (w *world) checkSent(was, is *usherv1.Invitation) {
	anew := was.Status.State != usherv1.InvitationSent
	if is.Status.MessageID == "" && (anew || was.Status.LinkGeneration != is.Status.LinkGeneration) {
		w.deliverByLink(is)
	}
	if anew && is.Status.MessageID != "" {
		sent := slices.ContainsFunc(w.inbox, func(d *delivered) bool {
			return d.invitation == is.UID && d.generation == is.Status.LinkGeneration && d.point == "" && d.mail.To == is.Status.Recipient
		})
		if !sent {
			w.violated("sent-is-delivered", "invitation %s is Sent, and no mail server has it", is.Name)
		}
	}
}

// checkFailed: a refusal that is not the recipient's ends an invitation only if the server has accepted other mails since.
func (w *world) checkFailed(is *usherv1.Invitation) {
	if is.Status.LastError == nil || is.Status.LastError.Code != refusesUs {
		return
	}
	at, refused := w.refusedAt[refusedLink{is.UID, strconv.FormatInt(is.Status.LinkGeneration, 10)}]
	if refused && at == w.acceptedMails() {
		w.violated("refusal-of-us", "invitation %s has failed with %s, and no other mail was accepted since", is.Name, refusesUs)
	}
}

// deliverByLink puts a link that is not mailed into the inbox, and checks the same promises.
func (w *world) deliverByLink(inv *usherv1.Invitation) {
	if !w.pastFacts.deliversByLink {
		w.violated("sent-is-delivered", "invitation %s is Sent without a mail, in an account that mails", inv.Name)
	}
	if w.actor == nil || slices.ContainsFunc(w.inbox, func(d *delivered) bool {
		return d.invitation == inv.UID && d.generation == inv.Status.LinkGeneration && d.point == ""
	}) {
		return
	}
	keys, err := invite.NewKeyring(tokenKey)
	if err != nil {
		panic(err) // the key is a constant
	}
	d := &delivered{
		invitation: inv.UID, generation: inv.Status.LinkGeneration, name: inv.Name, copies: 1,
		mail: message.Invitation{To: inv.Status.Recipient, Link: keys.Link(portalURL, inv)},
	}
	w.inbox = append(w.inbox, d)
	w.checkMail(w.actor, d)
}

// checkMail: a mail goes only to a member that may be invited, and is the only one of its link.
func (w *world) checkMail(t *task, d *delivered) {
	w.observeFor(t, d.name)
	switch {
	case !t.facts.mailable:
		w.violated("mail-wanted", "a mail went out with invitation %s, whose member was disabled, had accepted or needs none", d.name)
	case t.on == invitations && !t.facts.unrevoked:
		w.violated("mail-wanted", "a mail went out with invitation %s, which was revoked", d.name)
	case !t.facts.open:
		w.violated("mail-wanted", "a mail went out with invitation %s, whose account was disabled or gone", d.name)
	case !t.facts.seated && !w.pastFacts.seatless && d.point == "": // reminders do not need the pool of the seat
		w.violated("mail-with-seat", "a mail went out with invitation %s, whose member had no seat", d.name)
	case !slices.Contains(t.facts.addresses, usherv1.EmailAddress(d.mail.To).Key()):
		w.violated("mail-to-member", "a mail for %s went to an address that is not the member's", d.name)
	}
}

// attemptOf reports whether a change claims an attempt, and returns its reminder.
func attemptOf(was, is *usherv1.Invitation) (attempted bool, remind usherv1.Lead) {
	for _, r := range is.Status.Reminders {
		i := slices.IndexFunc(was.Status.Reminders, func(old usherv1.Reminder) bool { return old.Before == r.Before })
		if r.NextAttemptAt != nil && (i < 0 || was.Status.Reminders[i].Attempts < r.Attempts) {
			return true, r.Before
		}
	}
	return is.Status.State == usherv1.InvitationSending, ""
}

// checkReminder: a reminder has the link of the mail before it, and is sent while the link works and at least half of its lead is left.
func (w *world) checkReminder(t *task, d *delivered) {
	first := slices.IndexFunc(w.inbox, func(m *delivered) bool {
		return m.invitation == d.invitation && m.generation == d.generation && m.point == ""
	})
	if first < 0 || w.inbox[first].mail.Link != d.mail.Link || w.inbox[first].mail.To != d.mail.To {
		w.violated("reminder-same-link", "the reminder of link %d of invitation %s is of no mail", d.generation, d.name)
	}
	// By a wrong clock it is sent when that clock says so.
	left, before := d.mail.ExpiresAt.Sub(w.now()), usherv1.Lead(d.point).Duration()
	// An attempt may begin at the last moment and be delayed until the end of its lease.
	if t.facts.skewed {
		return
	}
	if left > before || left+attemptTime <= before/2 {
		w.violated("reminder-in-time", "the reminder of %s before the end of invitation %s came %s before", d.point, d.name, left)
	}
}

func (w *world) observeFor(t *task, invitation string) {
	if inv, _ := w.api.get(invitations, named(invitation)).(*usherv1.Invitation); inv != nil {
		for _, now := range w.times(t) {
			w.observe(&t.facts, inv.Spec.MemberRef.Name, now)
		}
	}
}

// checkCopy: a link has a second mail only after a crash or a lost response, and the two mails are equal.
func (w *world) checkCopy(d *delivered, m message.Invitation) {
	if w.differed(d.began) {
		d.allowedCopies++
	}
	if d.copies > 1+d.allowedCopies+w.pastFacts.wipes[d.invitation] {
		w.violated("mailed-once", "%d mails of link %d of invitation %s", d.copies, d.generation, d.name)
	}
	if m.Link != d.mail.Link || m.To != d.mail.To || m.MessageID != d.mail.MessageID {
		w.violated("copies-alike", "two mails of link %d of invitation %s differ", d.generation, d.name)
	}
}

// checkVisit: only a valid link can be answered, and an answer that was confirmed stays.
func (w *world) checkVisit(t *task) {
	v := t.visit
	switch {
	case v.profile != nil:
		w.checkProfileVisit(v)
		return
	case v.confirm != nil:
		w.checkConfirmVisit(v)
		return
	case v.forgot:
		return
	case v.reset != nil:
		w.checkResetVisit(v)
		return
	case !v.confirmed():
		return
	}
	w.counts.Welcomes++
	if !v.admissible {
		w.violated("dead-link", "link %d of invitation %s was accepted after its end", v.mail.generation, v.mail.name)
	}
	inv, _ := w.api.get(invitations, named(v.mail.name)).(*usherv1.Invitation)
	if !v.made || inv == nil || inv.UID != v.mail.invitation {
		return // one who accepts again is sent to a page that shows the state at that time
	}
	if m := w.member(inv.Spec.MemberRef.Name); m != nil && w.accepted(m, w.credentials(m.Name)) {
		w.pastFacts.welcomed[m.UID] = w.credentials(m.Name).UID
	}
}

// checkCredentials: an acceptance is never lost or replaced.
func (w *world) checkCredentials(c change) {
	was, _ := c.before.(*corev1.Secret)
	is, _ := c.after.(*corev1.Secret)
	name, ofMember := strings.CutPrefix(c.key().Name, "usher-member-")
	if was == nil && ofMember {
		w.noteMade()
	}
	if was == nil || !ofMember {
		return
	}
	m := w.member(name)
	w.saves(is)
	if m == nil || m.DeletionTimestamp != nil || !w.accepted(m, was) {
		return
	}
	if is != nil {
		w.checkSaid(m, was, is)
		if string(is.Data["api-token"]) != string(was.Data["api-token"]) {
			w.checkToken(m, was, is)
		}
		return
	}
	own := w.actor != nil && w.actor.on == visits
	if !own && !w.stray(m, was) {
		w.violated("acceptance-kept", "the credentials of member %s were deleted", name)
	}
	if w.pastFacts.welcomed[m.UID] == was.UID && !w.stray(m, was) {
		w.violated("welcome-stands", "the credentials of member %s were deleted after its welcome", name)
	}
}

// noteMade notes that the visit at work, if one is, has made credentials.
func (w *world) noteMade() {
	if w.actor != nil && w.actor.visit != nil {
		w.actor.visit.made = true
	}
}

// stray reports whether an acceptance may be dropped, or could be at some time while the actor ran.
func (w *world) stray(m *usherv1.Member, secret *corev1.Secret) bool {
	return strays(m, secret) || w.actor != nil && w.actor.facts.stray
}
