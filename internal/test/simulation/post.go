// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/message"
)

// delivered is a mail in an inbox.
type delivered struct {
	invitation types.UID
	generation int64
	// point is the lead of a reminder; empty for the invitation itself.
	point string
	// name is the Invitation's, from the link.
	name string
	mail message.Invitation
	// copies is how often it was delivered, and allowedCopies how many copies after the first a crash or a lost response explains.
	copies, allowedCopies int
	// began is the step at which the task began that delivered it first.
	began int
}

// badAddress is part of addresses that the mail server refuses permanently.
const badAddress = "invalid"

// refusesUs is the code with which the mail server refuses a mail for a reason that is not the recipient's.
const refusesUs = "554 5.7.1"

// refusedLink is a link whose mail was refused for a reason that is not the recipient's.
type refusedLink struct {
	invitation types.UID
	link       string
}

// mailServer is the mail server, as one operator reaches it.
type mailServer struct{ world *world }

// Send waits for its turn like a call to the API server.
func (p *mailServer) Send(_ context.Context, _ channel.Endpoint, m message.Message) error {
	switch m := m.(type) {
	case message.Invitation:
		return p.take(m.To, m.MessageID, func(t *task) { p.world.deliver(t, m) })
	case message.ExpiryNotice:
		return p.take(m.To, m.MessageID, func(t *task) { p.world.deliverNotice(t, m) })
	case message.EmailChange:
		return p.take(m.To, m.MessageID, func(t *task) { p.world.deliverChange(t, m) })
	case message.Password:
		return p.take(m.To, m.MessageID, func(t *task) { p.world.deliverPassword(t, m) })
	}
	panic(fmt.Sprintf("there is no inbox for a %T", m))
}

func (p *mailServer) take(to, messageID string, deliver func(*task)) error {
	w := p.world
	t := w.running
	fault := w.await(pending{verb: "mail", name: messageID})
	if fault == Configuration || fault == Permanent || strings.Contains(to, badAddress) {
		w.refusedMails[messageID] = true
	}
	switch {
	case w.serverDown:
		return &channel.Error{Class: usherv1.ErrorConfiguration, Code: "535 5.7.8", Reason: usherv1.ReasonAuthFailed, Message: "injected"}
	case fault == Configuration:
		w.refuse(messageID)
		return &channel.Error{
			Class: usherv1.ErrorConfiguration, Code: refusesUs, Reason: usherv1.ReasonMailRefused, Refusal: refusesUs, Message: "injected",
		}
	case strings.Contains(to, badAddress):
		return &channel.Error{Class: usherv1.ErrorPermanent, Code: "550 5.1.1", Refusal: "550 5.1.1", NamesRecipient: true, Message: "injected"}
	case fault == Permanent:
		return &channel.Error{Class: usherv1.ErrorPermanent, Code: "550", Refusal: "550", Message: "injected"}
	case fault == Temporary || fault == Greylisted || fault == Refused:
		return &channel.Error{Class: usherv1.ErrorTemporary, Code: "451 4.7.1", Greylisted: fault == Greylisted, Message: "injected"}
	}
	if by, known := w.knownBy[messageID]; known && by == t.op.life() {
		w.violated("known-outcome", "operator %d sent mail %s again, of which it knew that the server has it", t.op.id, messageID)
	}
	deliver(t)
	w.knownBy[messageID] = t.op.life()
	if fault == Away {
		t.op.away = w.clock + awayFor
	}
	if fault == AnswerLost {
		delete(w.knownBy, messageID)
		w.interrupted(t)
		return &channel.Error{Class: usherv1.ErrorTemporary, Code: "timeout", Message: "injected"}
	}
	return nil
}

// Probe waits for its turn too.
func (p *mailServer) Probe(context.Context, channel.Endpoint) error {
	fault := p.world.await(pending{verb: "probe"})
	switch {
	case p.world.serverDown || fault == Configuration || fault == Permanent:
		return &channel.Error{Class: usherv1.ErrorConfiguration, Code: "535 5.7.8", Reason: usherv1.ReasonAuthFailed, Message: "injected"}
	case fault != None:
		return &channel.Error{Class: usherv1.ErrorTemporary, Code: "timeout", Reason: usherv1.ReasonServerUnreachable, Message: "injected"}
	}
	return nil
}

// Forget does nothing: no connection is kept.
func (p *mailServer) Forget(channel.Endpoint) {}

// deliver puts a mail that task t sends into the inbox.
func (w *world) deliver(t *task, m message.Invitation) {
	link, _ := strings.CutPrefix(m.Link, portalURL+"/i/"+namespace+"/")
	name, _, _ := strings.Cut(link, "/")
	id, _, _ := strings.Cut(m.MessageID, "@")
	uid, generation, _ := strings.Cut(id, ".")
	generation, point, _ := strings.Cut(generation, ".")
	number, err := strconv.ParseInt(generation, 10, 64)
	if err != nil {
		w.violated("mail-identified", "the Message-ID %q names no link", m.MessageID)
		return
	}
	t.mail = m.MessageID
	w.note("mail %s to %s", m.MessageID, m.To)
	for _, d := range w.inbox {
		// A status that was wiped does not say which links there were, nor to whom.
		forgotten := d.mail.To != m.To && w.pastFacts.wipes[d.invitation] > 0
		if d.invitation == types.UID(uid) && d.generation == number && d.point == point && !forgotten {
			d.copies++
			w.checkCopy(d, m)
			return
		}
	}
	d := &delivered{invitation: types.UID(uid), generation: number, point: point, name: name, mail: m, copies: 1, began: t.began}
	w.inbox = append(w.inbox, d)
	w.checkMail(t, d)
	if point != "" {
		w.checkReminder(t, d)
	}
}

// refuse notes how many mails the server had accepted when it first refused a mail for a reason that is not the recipient's.
func (w *world) refuse(messageID string) {
	if w.refusedAt == nil {
		w.refusedAt = map[refusedLink]int{}
	}
	id, _, _ := strings.Cut(messageID, "@")
	uid, link, _ := strings.Cut(id, ".")
	at := refusedLink{types.UID(uid), link}
	if _, before := w.refusedAt[at]; !before {
		w.refusedAt[at] = w.acceptedMails()
	}
}

// acceptedMails returns how many mails the server has accepted.
func (w *world) acceptedMails() (n int) {
	for _, d := range w.inbox {
		n += d.copies
	}
	for _, a := range w.announced {
		n += a.copies
	}
	for _, c := range w.changeMails {
		n += c.copies
	}
	for _, p := range w.passwordMails {
		n += p.copies
	}
	return n
}

// interrupted allows another copy of the mail that a task delivered: the task is killed, or its response is lost.
func (w *world) interrupted(t *task) {
	if t.mail == "" {
		return
	}
	for _, d := range w.inbox {
		if d.mail.MessageID == t.mail {
			d.allowedCopies++
		}
	}
	for _, c := range w.changeMails {
		if c.id == t.mail {
			c.allowedCopies++
		}
	}
	for _, p := range w.passwordMails {
		if p.id == t.mail {
			p.allowedCopies++
		}
	}
	for _, d := range w.announced {
		if d.mail.MessageID == t.mail {
			d.allowedCopies++
		}
	}
}
