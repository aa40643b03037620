// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/retry"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/message/address"
	"github.com/usher-dev/usher/internal/outbox/ratelimit"
)

// unconfiguredPause is how long to wait for a Secret that cannot be used; its mending is noticed before, by the watch.
const unconfiguredPause = time.Minute

// busyPause is how long to wait for a mail server that is kept busy by other invitations; as a rule one of those says before that it
// is free.
const busyPause = 10 * time.Second

// recordTimeout is how long the outcome of an attempt is tried to be written, also while the manager stops.
const recordTimeout = 15 * time.Second

// sendInTurn makes an attempt if the server has a conversation to spare. That is asked first: who waits for a slow server costs no
// reads.
func (r *InvitationReconciler) sendInTurn(ctx context.Context, o invite.Observation) (ctrl.Result, error) {
	leave, free := r.Servers.Enter(o.Account, r.Servers.Invitations, client.ObjectKeyFromObject(o.Invitation))
	if !free {
		return ctrl.Result{RequeueAfter: busyPause}, nil
	}
	defer leave()
	o, err := r.observe(ctx, r.Live, o.Invitation)
	if err != nil {
		return ctrl.Result{}, err
	}
	plan := invite.Decide(o, r.Now())
	if !plan.Send {
		return r.settle(ctx, o.Invitation, plan)
	}
	server, usable, err := r.Servers.Load(ctx, o.Account)
	if err != nil {
		return ctrl.Result{}, err
	}
	if !usable {
		// The account's MailReady condition says what is wrong with it.
		log.FromContext(ctx).V(1).Info("no usable mail server", "account", o.Account.Name)
		r.Servers.Suspect(o.Account)
		return ctrl.Result{RequeueAfter: unconfiguredPause}, nil
	}
	takeBack, hold, err := r.Servers.Turn(ctx, r.Client, o.Account, ratelimit.Mail{
		ID: string(o.Invitation.UID), Recipient: address.Inbox(plan.Status.Recipient), PerMinute: server.RatePerMinute(),
	}, r.Now())
	if err != nil {
		return ctrl.Result{}, err
	}
	if hold != nil {
		o.Hold = hold
		return r.settle(ctx, o.Invitation, invite.Decide(o, r.Now()))
	}
	sent, result, err := r.send(ctx, o, plan, server)
	if !sent {
		takeBack()
	}
	return result, err
}

// send makes the attempt that the plan's status is the fence of: claim, send, record. It tells whether the mail went out, or may
// have.
func (r *InvitationReconciler) send(ctx context.Context, o invite.Observation, plan invite.Plan, server channel.Endpoint) (sent bool, result ctrl.Result, err error) {
	inv := o.Invitation
	keys, err := r.Keys.Get(ctx)
	if err != nil {
		return false, ctrl.Result{}, err
	}
	own, err := templatesOf(ctx, r.Live, o.Account)
	if err != nil {
		return false, ctrl.Result{}, err
	}
	contact, err := contactOf(ctx, r.Client, r.Live, o.Account)
	if err != nil {
		return false, ctrl.Result{}, err
	}
	if plan.Status.MessageID == "" {
		plan.Status.MessageID = server.MessageID(message.InvitationID(inv.UID, plan.Status.LinkGeneration))
	}
	inv.Status = plan.Status
	if err := r.Client.Status().Update(ctx, inv); err != nil {
		return false, ctrl.Result{}, err
	}

	if ends := invite.LeaseEnd(&inv.Status, plan.Remind); !r.Now().Before(ends.Add(-2 * invite.RenewEvery)) {
		// The fence took so long to be written that its lease might be over before it is renewed.
		return false, r.wake(ends), nil
	}

	// From here on this attempt is ours, and a manager that is told to stop finishes it.
	ctx = context.WithoutCancel(ctx)
	sending, cancel := context.WithTimeout(ctx, invite.SendTimeout)
	defer cancel()
	stop := r.keepLease(ctx, inv, plan.Remind, cancel)
	err = r.Sender.Send(sending, server, r.compose(o, plan.Remind, keys, own, contact))
	o.Invitation = stop()
	if concernsServer(err) {
		r.Servers.Report(o.Account, err, r.Now())
	}
	sent = wentOut(err)
	result, err = r.record(ctx, o, plan.Remind, failureOf(err))
	return sent, result, err
}

func (r *InvitationReconciler) compose(
	o invite.Observation, remind usherv1.Lead, keys invite.Keyring, own *templates, contact usherv1.AccountContact,
) message.Invitation {
	inv, member, account := o.Invitation, o.Member, o.Account
	m := message.Invitation{
		Language:    inv.Status.Language,
		To:          inv.Status.Recipient,
		AccountName: string(account.Spec.DisplayName),
		Role:        member.Status.Role,
		Link:        keys.Link(r.PortalURL, inv),
		ExpiresAt:   r.Now().Add(invite.TTL(inv, account)),
		MessageID:   inv.Status.MessageID,
	}
	if member.Status.DisplayName != string(member.Spec.Email) {
		m.Name = member.Status.DisplayName
	}
	m.ContactEmail, m.ContactPhone = string(contact.Email), string(contact.Phone)
	if remind != "" {
		m.Reminder, m.InReplyTo = true, inv.Status.MessageID
		m.MessageID, m.ExpiresAt = message.ReminderID(inv.Status.MessageID, string(remind)), inv.Status.ExpiresAt.Time
	}
	if own != nil {
		m.Wording = own.wording
	}
	if account.Spec.Mail != nil {
		m.ReplyTo = string(account.Spec.Mail.ReplyTo)
	}
	return m
}

// failureOf is what an attempt's error means for the next one. One that is not the channel's is ours, and may pass.
func failureOf(err error) *invite.Failure {
	var refused *channel.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return &invite.Failure{Class: refused.Class, Code: refused.Code, Greylisted: refused.Greylisted}
	}
	return &invite.Failure{Class: usherv1.ErrorTemporary, Code: "internal"}
}

// concernsServer tells whether the outcome of an attempt says something of the server: that it takes mail, or that it does not.
func concernsServer(err error) bool {
	var failed *channel.Error
	return err == nil || errors.As(err, &failed) && failed.Reason != ""
}

// record writes how the attempt ended. Where somebody else wrote in between, it is written on top as long as the attempt is
// still the present one; a newer link, a revocation or an answer has made it history.
func (r *InvitationReconciler) record(ctx context.Context, o invite.Observation, remind usherv1.Lead, failure *invite.Failure) (ctrl.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	fence, ended := o.Invitation.DeepCopy(), r.Now()
	current := fence.DeepCopy()
	err := retry.OnError(r.RecordBackoff, func(err error) bool { return ctx.Err() == nil && !apierrors.IsNotFound(err) }, func() error {
		if current == nil {
			current = &usherv1.Invitation{}
			if err := r.Live.Get(ctx, client.ObjectKeyFromObject(fence), current); err != nil {
				current = nil
				return err
			}
			if !invite.SameAttempt(current, fence, remind) {
				return nil
			}
		}
		o.Invitation = current
		written := current.DeepCopy()
		written.Status = invite.Outcome(o, remind, failure, ended)
		if err := r.Client.Status().Update(ctx, written); err != nil {
			current = nil
			return err
		}
		r.announceInvitation(fence, written)
		r.announceReminder(written, remind, failure)
		return nil
	})
	return ctrl.Result{RequeueAfter: time.Second}, client.IgnoreNotFound(err)
}
