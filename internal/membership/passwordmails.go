// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	creds "github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/moment"
	"github.com/usher-dev/usher/internal/reason"
)

const (
	// ResetPause is between two mails with a link that sets a new password. It is shorter than the link works: who asks in vain has been
	// sent a link that still does. Of the mails that a recipient gets in an hour, it leaves one for others; see delivery.MailsPerRecipient.
	ResetPause = 15 * time.Minute
	// changedLife is for how long it is tried to tell a member of another password.
	changedLife = 24 * time.Hour
	// settlePause is when credentials are looked at again whose address the member controller has not recorded yet.
	settlePause = 10 * time.Second
)

// lifeOf returns how old the demand for a mail may be: a later mail would help no one.
func lifeOf(kind creds.PasswordMailKind) time.Duration {
	if kind == creds.ResetLink {
		return invite.ResetLife
	}
	return changedLife
}

// MayRequestReset reports whether credentials may record at now that their member asks for a link: not so soon after the last time.
func MayRequestReset(secret metav1.Object, now time.Time) bool {
	last := creds.PasswordMailAsked(secret, creds.ResetLink)
	return last.IsZero() || !now.Before(last.Add(ResetPause)) || !moment.At(now, secret).Believes(last, 0)
}

// AwaitsPasswordMail reports whether credentials ask for a mail that was neither sent nor given up, as far as their metadata tells.
func AwaitsPasswordMail(secret metav1.Object, now time.Time) bool {
	mails := creds.PasswordMailsOf(secret)
	return slices.ContainsFunc(creds.PasswordMailKinds, func(kind creds.PasswordMailKind) bool {
		asked, mail := creds.PasswordMailAsked(secret, kind), mails[kind]
		return fresh(kind, asked, moment.At(now, secret)) && !(moment.Same(mail.For.Time, asked) && passwordMail(&mail).ended())
	})
}

// fresh reports whether a demand for a mail is not too old, and is believed.
func fresh(kind creds.PasswordMailKind, asked time.Time, c moment.Clock) bool {
	return !asked.IsZero() && c.Now.Before(asked.Add(lifeOf(kind))) && c.Believes(asked, 0)
}

func passwordMail(m *creds.PasswordMail) notice {
	return notice{&m.State, &m.Attempts, &m.SentAt, &m.NextAttemptAt, &m.LastError}
}

// PasswordMailObservation is all that a decision about the mails about a Member's password depends on.
type PasswordMailObservation struct {
	Member *usherv1.Member
	// Account of the Member; nil if it does not exist.
	Account *usherv1.Account
	// Credentials are at least the metadata of the Member's credentials; nil if there are none.
	Credentials metav1.Object
	// SignsIn: the Member signs in with the credentials, and can change the password. It is true where their contents are not known.
	SignsIn bool
	// Email that the credentials are for; empty where their contents are not known.
	Email usherv1.EmailAddress
	// Turn has the mails that may be sent although the mail server is not ready: it is asked with one mail at a time.
	Turn []creds.PasswordMailKind
}

// PasswordMailPlan is which mail about a password to send.
type PasswordMailPlan struct {
	// Mails are what to record. If Send is set, they are the claim of an attempt, to be written before anything is sent.
	Mails creds.PasswordMails
	// Send is the mail that is due; empty if none is.
	Send creds.PasswordMailKind
	// AwaitsTurn is a mail that is due and only waits for the mail server; empty if none is.
	AwaitsTurn creds.PasswordMailKind
	// Wake is when to decide again if nothing changes before; zero for never.
	Wake time.Time

	clock moment.Clock
}

// NeedsLiveReads reports whether the plan sends a mail, and so must be made from live reads.
func (p PasswordMailPlan) NeedsLiveReads() bool { return p.Send != "" }

// DecidePasswordMails returns what to do at now about the mails that a Member's credentials ask for. They go to the address in use, while
// the member has not lost its access. A mail that was asked for too long ago is not sent.
func DecidePasswordMails(o PasswordMailObservation, now time.Time) PasswordMailPlan {
	if o.Credentials == nil {
		return PasswordMailPlan{}
	}
	p := PasswordMailPlan{Mails: maps.Clone(creds.PasswordMailsOf(o.Credentials)), clock: moment.At(now, o.Credentials)}
	if !o.SignsIn || !mayMail(o.Member, o.Account, now) || o.Account.DeliversByLink() {
		return p
	}
	for _, kind := range creds.PasswordMailKinds {
		asked := creds.PasswordMailAsked(o.Credentials, kind)
		if !fresh(kind, asked, p.clock) || p.Send != "" || p.AwaitsTurn != "" {
			continue
		}
		if o.Email != "" && !recordedEmail(o.Member).SameAs(o.Email) { // it is about to be: a new one was confirmed, or the status was lost
			p.wakeBy(now.Add(settlePause))
			continue
		}
		p.attempt(kind, asked, reason.OfDelivery(o.Account).ByMail || slices.Contains(o.Turn, kind))
	}
	return p
}

// recordedEmail returns the address that the status of a Member that has accepted says is in use.
func recordedEmail(m *usherv1.Member) usherv1.EmailAddress {
	if m.Status.AcceptedAt == nil {
		return ""
	}
	return usherv1.EmailAddress(m.Status.Email)
}

// attempt makes a mail the claim of an attempt, if one is due now and may be sent.
func (p *PasswordMailPlan) attempt(kind creds.PasswordMailKind, asked time.Time, may bool) {
	mail := p.Mails[kind]
	if !moment.Same(mail.For.Time, asked) {
		mail = creds.PasswordMail{For: moment.Of(asked), State: usherv1.EndNoticePending, SentAt: mail.SentAt}
	}
	m, pause := passwordMail(&mail), moment.Ref(sentAt(mail).Add(ResetPause))
	switch {
	case m.ended():
	case m.awaits(p.clock):
		p.wakeBy(mail.NextAttemptAt.Time)
	case kind == creds.ResetLink && mail.Attempts == 0 && p.clock.Awaits(pause, ResetPause):
		p.wakeBy(pause.Time)
	case !may:
		p.AwaitsTurn = kind
	default:
		if kind == creds.ResetLink && mail.ExpiresAt == nil {
			mail.ExpiresAt = moment.Ref(p.clock.Now.Add(invite.ResetLife))
		}
		m.claim(p.clock.Now)
		p.Mails[kind], p.Send = mail, kind
	}
}

func sentAt(mail creds.PasswordMail) time.Time {
	if mail.SentAt == nil {
		return time.Time{}
	}
	return mail.SentAt.Time
}

func (p *PasswordMailPlan) wakeBy(at time.Time) {
	if p.Wake.IsZero() || at.Before(p.Wake) {
		p.Wake = at
	}
}

// PasswordMailAttempt returns the latest attempt at a mail of a kind. Another demand for one ends it.
func PasswordMailAttempt(secret metav1.Object, kind creds.PasswordMailKind) delivery.Attempt {
	mail := creds.PasswordMailsOf(secret)[kind]
	return passwordMail(&mail).attempt(string(kind) + " " + mail.For.UTC().Format(time.RFC3339))
}

// ExtendPasswordMail moves the end of the lease of the attempt at a mail of a kind.
func ExtendPasswordMail(secret *corev1.Secret, kind creds.PasswordMailKind, until time.Time) {
	recordPasswordMail(secret, kind, func(mail *creds.PasswordMail) { mail.NextAttemptAt = moment.Ref(until) })
}

// ConcludePasswordMail records how the attempt at a mail of a kind ended; a nil failure means that the server accepted the mail at now.
func ConcludePasswordMail(secret *corev1.Secret, kind creds.PasswordMailKind, failure *delivery.Failure, now time.Time) {
	recordPasswordMail(secret, kind, func(mail *creds.PasswordMail) { passwordMail(mail).conclude(secret.UID, failure, now) })
}

func recordPasswordMail(secret *corev1.Secret, kind creds.PasswordMailKind, change func(*creds.PasswordMail)) {
	mails := creds.PasswordMailsOf(secret)
	mail := mails[kind]
	change(&mail)
	mails[kind] = mail
	creds.SetPasswordMails(secret, mails)
}
