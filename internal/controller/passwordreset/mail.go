// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package passwordreset

import (
	"cmp"
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/outbox"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

// mail is one mail about a password, as the outbox sends it.
type mail struct {
	r        *Reconciler
	observed observation
	// plan is decided by Decide; its mails are the claim.
	plan membership.PasswordMailPlan
}

var _ outbox.Mail[*corev1.Secret] = &mail{}

func (m *mail) Key() types.NamespacedName    { return client.ObjectKeyFromObject(m.observed.Member) }
func (m *mail) Wakeups() *reconciler.Wakeups { return m.r.wakeups }
func (m *mail) Account() *usherv1.Account    { return m.observed.Account }
func (m *mail) New() *corev1.Secret          { return &corev1.Secret{} }

// CountedAs implements outbox.Mail.
func (m *mail) CountedAs() outbox.Counted {
	return outbox.Counted{ID: idOf(m.observed.Member, m.plan.Send), Recipient: string(m.observed.Member.EmailInUse()), Urgent: true}
}

// idOf identifies the mail of a kind among all mails.
func idOf(member *usherv1.Member, kind credentials.PasswordMailKind) string {
	return string(member.UID) + "/" + string(kind)
}

// Decide implements outbox.Mail.
func (m *mail) Decide(ctx context.Context) (due bool, result ctrl.Result, err error) {
	if m.observed, err = m.r.observeLive(ctx, m.observed.Member); err != nil || m.observed.Member == nil {
		return false, ctrl.Result{}, err
	}
	if m.plan = m.r.decide(m.observed); m.plan.Send == "" {
		result = m.r.wait(m.observed, m.plan)
	}
	return m.plan.Send != "", result, nil
}

// Wait implements outbox.Mail. That a mail waits for a rate limit is not written: it is sent soon, or not at all.
func (m *mail) Wait(_ context.Context, hold delivery.Hold) (ctrl.Result, error) {
	return m.r.WakeAt(hold.Until), nil
}

// Message implements outbox.Mail. The link is made of what Decide has read, and the claim fails if that has changed since.
func (m *mail) Message(ctx context.Context, endpoint channel.Endpoint) (message.Message, error) {
	member, account, secret, claim := m.observed.Member, m.observed.Account, m.observed.secret, m.plan.Mails[m.plan.Send]
	contact, err := store.Contact(ctx, m.r.Client, m.r.Live, account)
	if err != nil {
		return nil, err
	}
	said := credentials.Said(secret)[credentials.KeyLanguage]
	what := message.Password{
		Language: cmp.Or(member.Spec.Language, usherv1.Language(said), invite.Language(nil, account)),
		To:       string(member.EmailInUse()), AccountName: string(account.Spec.DisplayName),
		ContactEmail: string(contact.Email), ContactPhone: string(contact.Phone),
	}
	keyID := ""
	if m.plan.Send == credentials.ResetLink {
		keys, err := m.r.keys.Get(ctx)
		if err != nil {
			return nil, err
		}
		path, err := keys.ResetPath(member, invite.PasswordReset{
			Member: member.UID, Email: m.observed.Email, PasswordHash: credentials.PasswordHash(secret),
		}, claim.ExpiresAt.Time)
		if err != nil {
			return nil, err
		}
		keyID, what.Link, what.ExpiresAt = keys.ID(), m.r.portalURL+path, claim.ExpiresAt.Time
	} else {
		what.ChangedAt = claim.For.Time
	}
	what.MessageID = endpoint.MessageID(message.PasswordID(member.UID, m.plan.Send, claim.For.Time, keyID))
	if account.Spec.Mail != nil {
		what.ReplyTo = string(account.Spec.Mail.ReplyTo)
	}
	if name := member.Status.DisplayName; name != string(member.EmailInUse()) {
		what.Name = name
	}
	return what, nil
}

// Claim implements outbox.Mail.
func (m *mail) Claim() *corev1.Secret {
	credentials.SetPasswordMails(m.observed.secret, m.plan.Mails)
	return m.observed.secret
}

// Attempt implements outbox.Record.
func (m *mail) Attempt(secret *corev1.Secret) delivery.Attempt {
	return membership.PasswordMailAttempt(secret, m.plan.Send)
}

// Extend implements outbox.Record.
func (m *mail) Extend(secret *corev1.Secret, until time.Time) {
	membership.ExtendPasswordMail(secret, m.plan.Send, until)
}

// Conclude implements outbox.Record.
func (m *mail) Conclude(secret *corev1.Secret, failure *delivery.Failure, at time.Time) {
	membership.ConcludePasswordMail(secret, m.plan.Send, failure, at)
}

// Emit implements outbox.Record.
func (m *mail) Emit(_, concluded *corev1.Secret, _ *delivery.Failure) {
	m.r.emit(m.observed.Member, m.plan.Send, credentials.PasswordMailsOf(concluded)[m.plan.Send])
}
