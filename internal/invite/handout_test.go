// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// deliversByLink makes the account deliver by link, and sets its condition accordingly.
func deliversByLink(o *Observation) {
	o.Account.Spec.Mail = &usherv1.AccountMail{Delivery: usherv1.DeliveryLink}
	o.Account.Status.Conditions[0].Reason = usherv1.ReasonLinkDelivery
}

func TestDeliverByLink(t *testing.T) {
	// The condition is about the other delivery than the spec.
	notYet := func(o *Observation) {
		deliversByLink(o)
		o.Account.Status.Conditions[0].Reason = usherv1.ReasonMailReady
	}
	noLonger := func(o *Observation) {
		deliversByLink(o)
		o.Account.Spec.Mail.Delivery = usherv1.DeliverySMTP
	}
	tests := []struct {
		name string
		o    Observation
		sent bool
		link int64
	}{
		{name: "at once", o: observed(deliversByLink), sent: true, link: 1},
		{name: "again, with another link", o: observed(linked(usherv1.InvitationSent, expires(hour)), resend, deliversByLink), sent: true, link: 6},
		{
			name: "a mail that waited for a mail server",
			o:    observed(linked(usherv1.InvitationPending, due(hour), failed(usherv1.ErrorTemporary, -time.Minute)), deliversByLink), sent: true,
			link: 5,
		},
		{
			name: "a mail that was tried for longer than the ttl",
			o:    observed(linked(usherv1.InvitationPending, firstTried(-200*hour), failed(usherv1.ErrorTemporary, -hour)), deliversByLink),
			sent: true,
			link: 5,
		},
		{name: "not without a seat", o: observed(deliversByLink, withoutSeat)},
		{name: "not while the account is disabled", o: observed(deliversByLink, accountDisabled)},
		{name: "not without a portal", o: observed(mailDown, func(o *Observation) { o.Account.Spec.Mail = &usherv1.AccountMail{Delivery: usherv1.DeliveryLink} })},
		{name: "not before the account's condition says so", o: observed(notYet)},
		{name: "no mail while the account's condition says Link", o: observed(noLonger)},
		{name: "not while an operator is mailing it", o: observed(linked(usherv1.InvitationSending, due(20*time.Second)), deliversByLink), link: 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			p := Decide(tt.o, now)
			g.Expect(p.Send).To(BeFalse(), "nothing is mailed")
			g.Expect(p.Status.LinkGeneration).To(Equal(tt.link))
			g.Expect(p.Status.State == usherv1.InvitationSent && p.Status.SentAt != nil).To(Equal(tt.sent))
			if !tt.sent {
				return
			}
			g.Expect(p.Status.SentAt).To(Equal(later(0)))
			g.Expect(p.Status.ExpiresAt).To(Equal(later(usherv1.DefaultTTL)))
			g.Expect(p.Status.MessageID).To(BeEmpty())
			g.Expect(p.Status.NextAttemptAt).To(BeNil())
			g.Expect(p.Status.LastError).To(BeNil())
			g.Expect(p.Status.Recipient).To(Equal(ada))
			g.Expect(p.Status.Language).To(Equal(usherv1.DefaultLanguage))
			g.Expect(sentenceOf(p.Status)).To(HavePrefix("Nothing is mailed: the link is handed over instead, and works until"))

			tt.o.Invitation.Status = p.Status
			memberIs(usherv1.ReasonAwaitingAcceptance)(&tt.o)
			reminders("48h")(&tt.o)
			again := Decide(tt.o, now.Add(130*hour))
			g.Expect(again.Send).To(BeFalse(), "no reminder")
			g.Expect(again.Status).To(Equal(p.Status))
			g.Expect(Decide(tt.o, now.Add(usherv1.DefaultTTL)).Status.State).To(Equal(usherv1.InvitationExpired))
		})
	}
}

func TestNoReminderOnceTheAccountDeliversByLink(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Decide(sentInvitation(72*hour, deliversByLink), now).Send).To(BeFalse())
}
