// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package expirynotice

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
)

// mail is the notice to one recipient, as the outbox sends it.
type mail struct {
	r        *Reconciler
	observed membership.ExpiryNoticeObservation
	// plan is decided by Decide; its notices are the claim.
	plan membership.ExpiryNoticePlan
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

// idOf identifies the notice to a recipient among all mails.
func idOf(member *usherv1.Member, to usherv1.EndNoticeRecipient) string {
	return string(member.UID) + "/" + string(to)
}

func (m *mail) recipient() string {
	if m.plan.Send == usherv1.NoticeToContact {
		return string(m.observed.Contact.Email)
	}
	return string(m.observed.Member.EmailInUse())
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

// Wait implements outbox.Mail. That a notice waits is not written: it is due within days.
func (m *mail) Wait(_ context.Context, hold delivery.Hold) (ctrl.Result, error) {
	return m.r.WakeAt(hold.Until), nil
}

// Message implements outbox.Mail.
func (m *mail) Message(_ context.Context, endpoint channel.Endpoint) (message.Message, error) {
	member, account, contact := m.observed.Member, m.observed.Account, m.observed.Contact
	claim := &usherv1.Member{Status: usherv1.MemberStatus{EndNotices: m.plan.Notices}}
	notice := membership.NoticeTo(claim, m.plan.Send)
	if notice.MessageID == "" {
		notice.MessageID = endpoint.MessageID(message.ExpiryNoticeID(member.UID, notice.To, notice.AccessUntil.Time))
	}
	what := message.ExpiryNotice{
		Language: invite.Language(member, account), To: m.recipient(), AccountName: string(account.Spec.DisplayName),
		EndsAt: notice.AccessUntil.Time, MessageID: notice.MessageID,
	}
	if account.Spec.Mail != nil {
		what.ReplyTo = string(account.Spec.Mail.ReplyTo)
	}
	name, address := member.Status.DisplayName, string(member.EmailInUse())
	if name == address {
		name = ""
	}
	if m.plan.Send == usherv1.NoticeToContact {
		what.Language, what.Member, what.MemberAddress = invite.Language(nil, account), name, address
		return what, nil
	}
	what.ContactEmail, what.ContactPhone, what.Name = string(contact.Email), string(contact.Phone), name
	return what, nil
}

// Claim implements outbox.Mail.
func (m *mail) Claim() *usherv1.Member {
	m.observed.Member.Status.EndNotices = m.plan.Notices
	return m.observed.Member
}

// Attempt implements outbox.Record.
func (m *mail) Attempt(member *usherv1.Member) delivery.Attempt {
	return membership.NoticeAttempt(member, m.plan.Send)
}

// Extend implements outbox.Record.
func (m *mail) Extend(member *usherv1.Member, until time.Time) {
	membership.ExtendNotice(member, m.plan.Send, until)
}

// Conclude implements outbox.Record.
func (m *mail) Conclude(member *usherv1.Member, failure *delivery.Failure, at time.Time) {
	membership.ConcludeNotice(member, m.plan.Send, failure, at)
}

// Emit implements outbox.Record.
func (m *mail) Emit(_, concluded *usherv1.Member, _ *delivery.Failure) {
	m.r.emit(concluded, membership.NoticeTo(concluded, m.plan.Send))
}
