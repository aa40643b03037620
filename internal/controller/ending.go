// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/message/address"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/outbox/ratelimit"
)

// EndingReconciler announces the end of members' access. It writes status.endNotices of a Member and nothing else of it: the
// other writer of that status is the MemberReconciler, and each carries the resourceVersion that it read.
type EndingReconciler struct {
	Environment
	// Sender sends the mails.
	Sender channel.Channel
	// Servers knows the mail server of an account.
	Servers *MailServers
	// RecordBackoff is how the outcome of an attempt is written again when the API server does not take it.
	RecordBackoff wait.Backoff
}

// Reconcile looks at one Member.
func (r *EndingReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	member := &usherv1.Member{}
	if found, err := get(ctx, r.reader(request), request.Namespace, request.Name, member); !found || member.Spec.AccessUntil == nil {
		return r.outcome(ctx, request, ctrl.Result{}, err)
	}
	result, err := r.reconcile(ctx, member)
	return r.outcome(ctx, request, result, err)
}

func (r *EndingReconciler) reconcile(ctx context.Context, member *usherv1.Member) (ctrl.Result, error) {
	observed := membership.EndingObservation{Member: member}
	var err error
	if observed.Account, err = getAccount(ctx, r.Client, member.Namespace, member.Spec.AccountRef.Name); err != nil {
		return ctrl.Result{}, err
	}
	plan := membership.Announce(observed, r.Now())
	if equality.Semantic.DeepEqual(plan.Notices, member.Status.EndNotices) {
		return r.wake(plan.Wake), nil
	}
	// A mail goes out, or is given up: on live reads alone.
	observed.Member = &usherv1.Member{}
	if found, err := get(ctx, r.Live, member.Namespace, member.Name, observed.Member); !found {
		return ctrl.Result{}, err
	}
	if observed.Account, err = getAccount(ctx, r.Live, observed.Member.Namespace, observed.Member.Spec.AccountRef.Name); err != nil {
		return ctrl.Result{}, err
	}
	plan = membership.Announce(observed, r.Now())
	switch {
	case plan.Send != "":
		return r.send(ctx, observed, plan)
	case !equality.Semantic.DeepEqual(plan.Notices, observed.Member.Status.EndNotices):
		observed.Member.Status.EndNotices = plan.Notices
		err = r.Client.Status().Update(ctx, observed.Member)
	}
	return r.wake(plan.Wake), err
}

// send makes the attempt that the plan's notices are the fence of: claim, send, record.
func (r *EndingReconciler) send(ctx context.Context, o membership.EndingObservation, plan membership.EndingPlan) (ctrl.Result, error) {
	leave, free := r.Servers.Enter(o.Account, r.Servers.Endings, client.ObjectKeyFromObject(o.Member))
	if !free {
		return ctrl.Result{RequeueAfter: busyPause}, nil
	}
	defer leave()
	server, usable, err := r.Servers.Load(ctx, o.Account)
	if err != nil {
		return ctrl.Result{}, err
	}
	if !usable {
		log.FromContext(ctx).V(1).Info("no usable mail server", "account", o.Account.Name)
		r.Servers.Suspect(o.Account)
		return ctrl.Result{RequeueAfter: unconfiguredPause}, nil
	}
	member := o.Member
	member.Status.EndNotices = plan.Notices
	fence := notice(member, plan.Send)
	takeBack, hold, err := r.Servers.Turn(ctx, r.Client, o.Account, ratelimit.Mail{
		ID: string(member.UID) + "/" + string(plan.Send), Recipient: address.Inbox(composeEnding(o, *fence).To), PerMinute: server.RatePerMinute(),
	}, r.Now())
	if err != nil {
		return ctrl.Result{}, err
	}
	if hold != nil {
		return r.wake(hold.Until), nil
	}
	sent := false
	defer func() {
		if !sent {
			takeBack()
		}
	}()
	if fence.MessageID == "" {
		fence.MessageID = server.MessageID(message.ExpiryNoticeID(member.UID, fence.To, fence.AccessUntil.Time))
	}
	if err := r.Client.Status().Update(ctx, member); err != nil {
		return ctrl.Result{}, err
	}
	fence = notice(member, plan.Send)
	if left := fence.NextAttemptAt.Sub(r.Now()); left < invite.SendTimeout {
		// The fence took so long to be written that somebody else may be at it before a conversation ends.
		return r.wake(fence.NextAttemptAt.Time), nil
	}

	// From here on this attempt is ours, and a manager that is told to stop finishes it.
	ctx = context.WithoutCancel(ctx)
	sending, cancel := context.WithTimeout(ctx, invite.SendTimeout)
	defer cancel()
	err = r.Sender.Send(sending, server, composeEnding(o, *fence))
	sent = wentOut(err)
	if concernsServer(err) {
		r.Servers.Report(o.Account, err, r.Now())
	}
	return r.record(ctx, member, *fence, failureOf(err))
}

// notice is the Member's notice to that recipient; nil if it has none.
func notice(member *usherv1.Member, to usherv1.EndNoticeRecipient) *usherv1.EndNotice {
	i := slices.IndexFunc(member.Status.EndNotices, func(n usherv1.EndNotice) bool { return n.To == to })
	if i < 0 {
		return nil
	}
	return &member.Status.EndNotices[i]
}

func composeEnding(o membership.EndingObservation, fence usherv1.EndNotice) message.ExpiryNotice {
	member, account := o.Member, o.Account
	name := member.Status.DisplayName
	m := message.ExpiryNotice{
		Language: invite.Language(member, account), To: string(member.Spec.Email), AccountName: string(account.Spec.DisplayName),
		EndsAt: fence.AccessUntil.Time, MessageID: fence.MessageID,
	}
	if account.Spec.Mail != nil {
		m.ReplyTo = string(account.Spec.Mail.ReplyTo)
	}
	contact := account.Spec.Contact
	switch {
	case fence.To == usherv1.NoticeToContact:
		m.Language, m.To, m.Member = invite.Language(nil, account), string(contact.Email), name
	case contact != nil:
		m.ContactEmail, m.ContactPhone = string(contact.Email), string(contact.Phone)
	}
	if fence.To == usherv1.NoticeToMember && name != string(member.Spec.Email) {
		m.Name = name
	}
	return m
}

// record writes how the attempt ended, on top of whatever else was written to the Member in between.
func (r *EndingReconciler) record(ctx context.Context, member *usherv1.Member, fence usherv1.EndNotice, failure *invite.Failure) (ctrl.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	ended, current := r.Now(), member.DeepCopy()
	err := retry.OnError(r.RecordBackoff, func(err error) bool { return ctx.Err() == nil && !apierrors.IsNotFound(err) }, func() error {
		if current == nil {
			current = &usherv1.Member{}
			if err := r.Live.Get(ctx, client.ObjectKeyFromObject(member), current); err != nil {
				current = nil
				return err
			}
		}
		n := notice(current, fence.To)
		if current.UID != member.UID || n == nil || n.State != usherv1.EndNoticeSending || n.Attempts != fence.Attempts || !n.AccessUntil.Equal(&fence.AccessUntil) {
			return nil
		}
		*n = membership.Announced(fence, current, failure, ended)
		if err := r.Client.Status().Update(ctx, current); err != nil {
			current = nil
			return err
		}
		r.announceEnding(current, *notice(current, fence.To))
		return nil
	})
	return ctrl.Result{RequeueAfter: time.Second}, client.IgnoreNotFound(err)
}
