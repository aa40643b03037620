// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invitation

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
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/outbox"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

// mail is an invitation's mail, or a reminder of it, as the outbox sends it.
type mail struct {
	r        *Reconciler
	observed invite.Observation
	// plan is decided by Decide; its status is the claim.
	plan invite.Plan
}

var _ outbox.Mail[*usherv1.Invitation] = &mail{}

func (m *mail) Key() types.NamespacedName    { return client.ObjectKeyFromObject(m.observed.Invitation) }
func (m *mail) Wakeups() *reconciler.Wakeups { return m.r.wakeups }
func (m *mail) Account() *usherv1.Account    { return m.observed.Account }
func (m *mail) New() *usherv1.Invitation     { return &usherv1.Invitation{} }
func (m *mail) CountedAs() outbox.Counted {
	return outbox.Counted{ID: string(m.observed.Invitation.UID), Recipient: m.plan.Status.Recipient}
}

// Decide implements outbox.Mail.
func (m *mail) Decide(ctx context.Context) (due bool, result ctrl.Result, err error) {
	if m.observed, err = m.r.observe(ctx, m.r.Live, m.observed.Invitation); err != nil {
		return false, ctrl.Result{}, err
	}
	if m.plan = m.r.decide(m.observed); !m.plan.Send {
		result, err = m.r.writeStatus(ctx, m.observed, m.plan)
	}
	return m.plan.Send, result, err
}

// Wait implements outbox.Mail.
func (m *mail) Wait(ctx context.Context, hold delivery.Hold) (ctrl.Result, error) {
	m.observed.Hold = &hold
	return m.r.writeStatus(ctx, m.observed, m.r.decide(m.observed))
}

// Message implements outbox.Mail.
func (m *mail) Message(ctx context.Context, endpoint channel.Endpoint) (message.Message, error) {
	inv, member, account, status := m.observed.Invitation, m.observed.Member, m.observed.Account, &m.plan.Status
	keys, err := m.r.keys.Get(ctx)
	if err != nil {
		return nil, err
	}
	wording, err := m.r.outbox.Wording(ctx, account)
	if err != nil {
		return nil, err
	}
	contact, err := store.Contact(ctx, m.r.Client, m.r.Live, account)
	if err != nil {
		return nil, err
	}
	status.KeyID = keys.ID()
	if status.MessageID == "" {
		status.MessageID = endpoint.MessageID(message.InvitationID(inv.UID, status.LinkGeneration))
	}
	claim := inv.DeepCopy()
	claim.Status = *status
	what := message.Invitation{
		Language: status.Language, To: status.Recipient, AccountName: string(account.Spec.DisplayName), Role: member.Status.Role,
		Link: keys.Link(m.r.portalURL, claim), ExpiresAt: m.r.Now().Add(invite.TTL(inv, account)), MessageID: status.MessageID,
		ContactEmail: string(contact.Email), ContactPhone: string(contact.Phone),
	}
	if member.Status.DisplayName != string(member.EmailInUse()) {
		what.Name = member.Status.DisplayName
	}
	if m.plan.Remind != "" {
		what.Reminder, what.InReplyTo = true, status.MessageID
		what.MessageID, what.ExpiresAt = message.ReminderID(status.MessageID, string(m.plan.Remind)), status.ExpiresAt.Time
	}
	if wording != nil {
		what.Wording = wording.Wording
	}
	if account.Spec.Mail != nil {
		what.ReplyTo = string(account.Spec.Mail.ReplyTo)
	}
	return what, nil
}

// Claim implements outbox.Mail.
func (m *mail) Claim() *usherv1.Invitation {
	m.observed.Invitation.Status = m.plan.Status
	return m.observed.Invitation
}

// Attempt implements outbox.Record.
func (m *mail) Attempt(inv *usherv1.Invitation) delivery.Attempt {
	return invite.AttemptOf(&inv.Status, m.plan.Remind)
}

// Extend implements outbox.Record.
func (m *mail) Extend(inv *usherv1.Invitation, until time.Time) {
	invite.ExtendLease(&inv.Status, m.plan.Remind, until)
}

// Conclude implements outbox.Record.
func (m *mail) Conclude(inv *usherv1.Invitation, failure *delivery.Failure, at time.Time) {
	o := m.observed
	o.Invitation = inv
	inv.Status = invite.Outcome(o, m.plan.Remind, failure, at)
}

// Emit implements outbox.Record.
func (m *mail) Emit(claim, concluded *usherv1.Invitation, failure *delivery.Failure) {
	m.r.emit(claim, concluded)
	m.r.emitReminder(concluded, m.plan.Remind, failure)
}
