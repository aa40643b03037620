// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	creds "github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/invite"
)

type passwordEdit = func(*PasswordMailObservation)

// asking is a member who asked for a link a moment ago.
func asking(edits ...passwordEdit) PasswordMailObservation {
	base := observed(credentials())
	base.Member.Status.AcceptedAt, base.Member.Status.Email = later(-2*time.Hour), adaEmail
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{UID: "uid-secret", CreationTimestamp: *later(-2 * time.Hour)}}
	creds.RequestReset(secret, now.Add(-time.Second))
	o := PasswordMailObservation{Member: base.Member, Account: base.Account, Credentials: secret, SignsIn: true, Email: adaEmail}
	for _, e := range edits {
		e(&o)
	}
	return o
}

func asked(kind creds.PasswordMailKind, ago time.Duration) passwordEdit {
	return func(o *PasswordMailObservation) {
		annotation := map[creds.PasswordMailKind]string{
			creds.ResetLink: usherv1.PasswordResetRequestedAnnotation, creds.PasswordChanged: usherv1.PasswordChangedAnnotation,
		}[kind]
		metav1.SetMetaDataAnnotation(&o.Credentials.(*corev1.Secret).ObjectMeta, annotation, now.Add(-ago).Format(time.RFC3339))
	}
}

func passwordMailed(kind creds.PasswordMailKind, mail creds.PasswordMail) passwordEdit {
	return func(o *PasswordMailObservation) {
		secret := o.Credentials.(*corev1.Secret)
		mails := creds.PasswordMailsOf(secret)
		mails[kind] = mail
		creds.SetPasswordMails(secret, mails)
	}
}

func TestDecidePasswordMails(t *testing.T) {
	const link, notice = creds.ResetLink, creds.PasswordChanged
	request := *later(-time.Second)
	for name, tt := range map[string]struct {
		edits []passwordEdit
		send  creds.PasswordMailKind
		turn  creds.PasswordMailKind
		wake  time.Duration
	}{
		"a link is asked for":    {send: link},
		"nothing is asked for":   {edits: []passwordEdit{func(o *PasswordMailObservation) { o.Credentials = &corev1.Secret{} }}},
		"no credentials":         {edits: []passwordEdit{func(o *PasswordMailObservation) { o.Credentials = nil }}},
		"another password":       {edits: []passwordEdit{asked(notice, time.Hour), asked(link, time.Hour)}, send: notice},
		"the notice comes first": {edits: []passwordEdit{asked(notice, time.Minute)}, send: notice},
		"both, and the notice is sent": {edits: []passwordEdit{
			asked(notice, time.Minute), passwordMailed(notice, creds.PasswordMail{For: *later(-time.Minute), State: usherv1.EndNoticeSent}),
		}, send: link},
		"almost too old":        {edits: []passwordEdit{asked(link, invite.ResetLife-time.Second)}, send: link},
		"too old":               {edits: []passwordEdit{asked(link, invite.ResetLife)}},
		"from the future":       {edits: []passwordEdit{asked(link, -time.Hour)}},
		"a clock that is ahead": {edits: []passwordEdit{asked(link, -time.Minute)}, send: link},
		"a notice of yesterday": {edits: []passwordEdit{asked(link, time.Hour), asked(notice, 24*time.Hour)}},
		"not signing in":        {edits: []passwordEdit{func(o *PasswordMailObservation) { o.SignsIn = false }}},
		"disabled":              {edits: []passwordEdit{func(o *PasswordMailObservation) { o.Member.Spec.State = usherv1.StateDisabled }}},
		"at the end of access":  {edits: []passwordEdit{func(o *PasswordMailObservation) { o.Member.Spec.AccessUntil = later(0) }}},
		"being deleted":         {edits: []passwordEdit{func(o *PasswordMailObservation) { o.Member.DeletionTimestamp = later(0) }}},
		"no account":            {edits: []passwordEdit{func(o *PasswordMailObservation) { o.Account = nil }}},
		"account disabled":      {edits: []passwordEdit{func(o *PasswordMailObservation) { o.Account.Spec.State = usherv1.StateDisabled }}},
		"delivers by link": {edits: []passwordEdit{func(o *PasswordMailObservation) {
			o.Account.Spec.Mail = &usherv1.AccountMail{Delivery: usherv1.DeliveryLink}
		}}},
		"the address in use is about to be another": {edits: []passwordEdit{func(o *PasswordMailObservation) { o.Email = wanted }}, wake: settlePause},
		"the status was lost":                       {edits: []passwordEdit{func(o *PasswordMailObservation) { o.Member.Status = usherv1.MemberStatus{} }}, wake: settlePause},
		"contents are not known":                    {edits: []passwordEdit{func(o *PasswordMailObservation) { o.Email = "" }}, send: link},
		"mail server not ready":                     {edits: []passwordEdit{serverDown}, turn: link},
		"mail server not ready, its turn": {edits: []passwordEdit{serverDown, func(o *PasswordMailObservation) {
			o.Turn = []creds.PasswordMailKind{link}
		}}, send: link},
		"sent":   {edits: []passwordEdit{passwordMailed(link, creds.PasswordMail{For: request, State: usherv1.EndNoticeSent, SentAt: later(0)})}},
		"failed": {edits: []passwordEdit{passwordMailed(link, creds.PasswordMail{For: request, State: usherv1.EndNoticeFailed, Attempts: 1})}},
		"being sent": {edits: []passwordEdit{passwordMailed(link, creds.PasswordMail{
			For: request, State: usherv1.EndNoticeSending, Attempts: 1, NextAttemptAt: later(20 * time.Second),
		})}, wake: 20 * time.Second},
		"its sender is gone": {edits: []passwordEdit{passwordMailed(link, creds.PasswordMail{
			For: request, State: usherv1.EndNoticeSending, Attempts: 1, NextAttemptAt: later(-time.Second),
		})}, send: link},
		"to be tried again": {edits: []passwordEdit{passwordMailed(link, creds.PasswordMail{
			For: request, State: usherv1.EndNoticePending, Attempts: 1, NextAttemptAt: later(time.Minute),
		})}, wake: time.Minute},
		"another one was sent a moment ago": {edits: []passwordEdit{passwordMailed(link, creds.PasswordMail{
			For: *later(-14 * time.Minute), State: usherv1.EndNoticeSent, SentAt: later(-14 * time.Minute),
		})}, wake: time.Minute},
		"another one was sent a while ago": {edits: []passwordEdit{passwordMailed(link, creds.PasswordMail{
			For: *later(-ResetPause), State: usherv1.EndNoticeSent, SentAt: later(-ResetPause),
		})}, send: link},
		"another one was sent in a year, by a wrong clock": {edits: []passwordEdit{passwordMailed(link, creds.PasswordMail{
			For: *later(-ResetPause), State: usherv1.EndNoticeSent, SentAt: later(365 * 24 * time.Hour),
		})}, send: link},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			o := asking(tt.edits...)
			p := DecidePasswordMails(o, now)
			g.Expect(p.Send).To(Equal(tt.send))
			g.Expect(p.AwaitsTurn).To(Equal(tt.turn))
			g.Expect(p.NeedsLiveReads()).To(Equal(tt.send != ""))
			if tt.wake == 0 {
				g.Expect(p.Wake).To(BeZero())
			} else {
				g.Expect(p.Wake).To(BeTemporally("==", now.Add(tt.wake)))
			}
			if tt.send != "" {
				mail := p.Mails[tt.send]
				g.Expect(mail.State).To(Equal(usherv1.EndNoticeSending))
				g.Expect(mail.For.Time).To(BeTemporally("==", creds.PasswordMailAsked(o.Credentials, tt.send)))
				g.Expect(mail.NextAttemptAt.Time).To(BeTemporally("==", now.Add(delivery.SendLease)))
				g.Expect(mail.ExpiresAt != nil).To(Equal(tt.send == link))
			}
		})
	}
}

func serverDown(o *PasswordMailObservation) {
	o.Account.Status.Conditions = nil
	base := observed()
	mail(metav1.ConditionFalse, usherv1.ReasonServerUnreachable)(&base)
	o.Account.Status.Conditions = base.Account.Status.Conditions
}

// Every attempt at one mail has the same link: the time in it stays, while the lease and the number change.
func TestAllAttemptsAtAMailHaveOneLink(t *testing.T) {
	g := NewWithT(t)
	o, at := asking(), now
	secret := o.Credentials.(*corev1.Secret)
	var end time.Time
	attempts := 0
	for ; ; attempts++ {
		p := DecidePasswordMails(o, at)
		if p.Send == "" {
			break
		}
		creds.SetPasswordMails(secret, p.Mails)
		mail := creds.PasswordMailsOf(secret)[creds.ResetLink]
		if end.IsZero() {
			end = mail.ExpiresAt.Time
		}
		g.Expect(mail.ExpiresAt.Time).To(BeTemporally("==", end))
		attempt := PasswordMailAttempt(secret, creds.ResetLink)
		g.Expect(attempt.Number).To(BeEquivalentTo(attempts + 1))
		g.Expect(attempt.Open).To(BeTrue())
		ExtendPasswordMail(secret, creds.ResetLink, at.Add(time.Minute))
		g.Expect(PasswordMailAttempt(secret, creds.ResetLink).LeaseEnd).To(BeTemporally("==", at.Add(time.Minute)))
		ConcludePasswordMail(secret, creds.ResetLink, &delivery.Failure{Class: usherv1.ErrorTemporary, Code: "451"}, at)
		at = creds.PasswordMailsOf(secret)[creds.ResetLink].NextAttemptAt.Time
	}
	g.Expect(end).To(BeTemporally("==", now.Add(invite.ResetLife)))
	g.Expect(attempts).To(BeNumerically(">", 3))
	g.Expect(at).To(BeTemporally(">=", now.Add(invite.ResetLife-time.Second)), "it is tried until it would be too late")
}

// However often a member asks, there are no more mails in an hour than leave one for others, and one of their links works.
func TestThePaceOfLinksThatSetAPassword(t *testing.T) {
	g := NewWithT(t)
	o := asking()
	secret := o.Credentials.(*corev1.Secret)
	delete(secret.Annotations, usherv1.PasswordResetRequestedAnnotation)
	var sent []time.Time
	for at := now; at.Before(now.Add(6 * time.Hour)); at = at.Add(20 * time.Second) {
		if MayRequestReset(secret, at) {
			creds.RequestReset(secret, at)
		}
		if p := DecidePasswordMails(o, at); p.Send != "" {
			creds.SetPasswordMails(secret, p.Mails)
			ConcludePasswordMail(secret, p.Send, nil, at.Add(time.Second))
			sent = append(sent, at)
		}
		g.Expect(at.Sub(sent[len(sent)-1])).To(BeNumerically("<", invite.ResetLife), "the last link works")
	}
	for i := range len(sent) - delivery.MailsPerRecipient + 1 {
		g.Expect(sent[i+delivery.MailsPerRecipient-1].Sub(sent[i])).To(BeNumerically(">=", delivery.RecipientWindow), fmt.Sprint(sent))
	}
	g.Expect(len(sent)).To(BeNumerically(">", 20))
}

func TestMayRequestReset(t *testing.T) {
	for name, tt := range map[string]struct {
		last time.Duration
		want bool
	}{
		"a moment ago": {time.Second, false}, "almost long enough ago": {ResetPause - time.Second, false}, "long enough ago": {ResetPause, true},
		"a clock that is a little ahead": {-time.Minute, false}, "in a year, by a wrong clock": {-365 * 24 * time.Hour, true},
	} {
		o := asking(asked(creds.ResetLink, tt.last))
		NewWithT(t).Expect(MayRequestReset(o.Credentials, now)).To(Equal(tt.want), name)
	}
	NewWithT(t).Expect(MayRequestReset(&corev1.Secret{}, now)).To(BeTrue())
}

func TestAwaitsPasswordMail(t *testing.T) {
	g := NewWithT(t)
	o := asking()
	secret := o.Credentials.(*corev1.Secret)
	g.Expect(AwaitsPasswordMail(&corev1.Secret{}, now)).To(BeFalse())
	g.Expect(AwaitsPasswordMail(secret, now)).To(BeTrue())
	g.Expect(AwaitsPasswordMail(secret, now.Add(time.Hour))).To(BeFalse(), "too old")
	creds.SetPasswordMails(secret, DecidePasswordMails(o, now).Mails)
	g.Expect(AwaitsPasswordMail(secret, now)).To(BeTrue(), "being sent")
	ConcludePasswordMail(secret, creds.ResetLink, nil, now)
	g.Expect(AwaitsPasswordMail(secret, now)).To(BeFalse())
	asked(creds.PasswordChanged, 0)(&o)
	g.Expect(AwaitsPasswordMail(secret, now)).To(BeTrue())
}
