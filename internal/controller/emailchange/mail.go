// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package emailchange

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/outbox"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

// mail is the mail to one recipient, as the outbox sends it.
type mail struct {
	r        *Reconciler
	observed membership.EmailChangeObservation
	// plan is decided by Decide; its change is the claim.
	plan membership.EmailChangePlan
}

var _ outbox.Mail[*usherv1.Member] = &mail{}

func (m *mail) Key() types.NamespacedName    { return client.ObjectKeyFromObject(m.observed.Member) }
func (m *mail) Wakeups() *reconciler.Wakeups { return m.r.wakeups }
func (m *mail) Account() *usherv1.Account    { return m.observed.Account }
func (m *mail) New() *usherv1.Member         { return &usherv1.Member{} }

// CountedAs implements outbox.Mail.
func (m *mail) CountedAs() outbox.Counted {
	return outbox.Counted{ID: idOf(m.observed.Member, m.plan.Send), Recipient: m.recipient()}
}

// idOf identifies the mail to a recipient among all mails.
func idOf(member *usherv1.Member, to usherv1.EmailChangeRecipient) string {
	return string(member.UID) + "/" + string(to)
}

func (m *mail) recipient() string {
	if m.plan.Send == usherv1.MailToFormerAddress {
		return string(m.observed.Member.EmailInUse())
	}
	return m.plan.Change.Email
}

// Decide implements outbox.Mail.
func (m *mail) Decide(ctx context.Context) (due bool, result ctrl.Result, err error) {
	if m.observed, err = m.r.observeLive(ctx, m.observed.Member); err != nil || m.observed.Member == nil {
		return false, ctrl.Result{}, err
	}
	if m.plan = m.r.decide(m.observed); m.plan.Send == "" {
		result, err = m.r.writeStatus(ctx, m.observed, m.plan)
	}
	return m.plan.Send != "", result, err
}

// Wait implements outbox.Mail. That a mail waits for a rate limit is not written: it is sent within the hour.
func (m *mail) Wait(_ context.Context, hold delivery.Hold) (ctrl.Result, error) {
	return m.r.WakeAt(hold.Until), nil
}

// Message implements outbox.Mail.
func (m *mail) Message(ctx context.Context, endpoint channel.Endpoint) (message.Message, error) {
	member, account := m.observed.Member, m.observed.Account
	claim := member.DeepCopy()
	claim.Status.EmailChange = m.plan.Change
	record := membership.ChangeMail(claim, m.plan.Send)
	contact, err := store.Contact(ctx, m.r.Client, m.r.Live, account)
	if err != nil {
		return nil, err
	}
	what := message.EmailChange{
		Language: invite.Language(member, account), To: m.recipient(), AccountName: string(account.Spec.DisplayName),
		ContactEmail: string(contact.Email), ContactPhone: string(contact.Phone),
	}
	keyID := ""
	if m.plan.Send == usherv1.MailToNewAddress {
		keys, err := m.r.keys.Get(ctx)
		if err != nil {
			return nil, err
		}
		change, _ := invite.ChangeOf(claim)
		path, err := keys.ChangePath(claim, change)
		if err != nil {
			return nil, err
		}
		keyID = keys.ID()
		m.plan.Change.KeyID, what.Link, what.ExpiresAt = keyID, m.r.portalURL+path, m.r.Now().Add(invite.AccountTTL(account))
	}
	if record.MessageID == "" {
		record.MessageID = endpoint.MessageID(message.EmailChangeID(
			member.UID, member.Generation, m.plan.Send, m.plan.Change.RequestedAt.Time, keyID,
		))
	}
	what.MessageID = record.MessageID
	if account.Spec.Mail != nil {
		what.ReplyTo = string(account.Spec.Mail.ReplyTo)
	}
	if name := member.Status.DisplayName; name != string(member.EmailInUse()) {
		what.Name = name
	}
	return what, nil
}

// Claim implements outbox.Mail.
func (m *mail) Claim() *usherv1.Member {
	m.observed.Member.Status.EmailChange = m.plan.Change
	return m.observed.Member
}

// Attempt implements outbox.Record.
func (m *mail) Attempt(member *usherv1.Member) delivery.Attempt {
	return membership.ChangeMailAttempt(member, m.plan.Send)
}

// Extend implements outbox.Record.
func (m *mail) Extend(member *usherv1.Member, until time.Time) {
	membership.ExtendChangeMail(member, m.plan.Send, until)
}

// Conclude implements outbox.Record.
func (m *mail) Conclude(member *usherv1.Member, failure *delivery.Failure, at time.Time) {
	membership.ConcludeChangeMail(member, m.plan.Send, failure, at, invite.AccountTTL(m.observed.Account))
}

// Emit implements outbox.Record.
func (m *mail) Emit(_, concluded *usherv1.Member, _ *delivery.Failure) {
	m.r.emit(concluded, membership.ChangeMail(concluded, m.plan.Send))
}
