// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/message/address"
)

// +kubebuilder:rbac:groups=usher.dev,resources=invitations,verbs=get;list;watch
// +kubebuilder:rbac:groups=usher.dev,resources=invitations/status,verbs=update

// InvitationReconciler sends invitations, and ends them when they are answered, too old or taken back.
type InvitationReconciler struct {
	Environment
	// Sender sends the mails.
	Sender channel.Channel
	// Servers knows the mail server of an account.
	Servers *MailServers
	// Keys makes the links.
	Keys *Keyring
	// PortalURL is the public base URL of the links, without a slash at the end.
	PortalURL string
	// LastingMails: a conversation may last, and the lease of a send is renewed meanwhile.
	LastingMails bool
	// RecordBackoff is how the outcome of an attempt is written again when the API server does not take it.
	RecordBackoff wait.Backoff
}

// Reconcile looks at one Invitation.
func (r *InvitationReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	inv := &usherv1.Invitation{}
	if found, err := get(ctx, r.reader(request), request.Namespace, request.Name, inv); !found || inv.DeletionTimestamp != nil {
		return r.outcome(ctx, request, ctrl.Result{}, err)
	}
	result, err := r.reconcile(ctx, inv)
	return r.outcome(ctx, request, result, err)
}

func (r *InvitationReconciler) reconcile(ctx context.Context, inv *usherv1.Invitation) (ctrl.Result, error) {
	observed, err := r.observe(ctx, r.Client, inv)
	if err != nil {
		return ctrl.Result{}, err
	}
	plan := invite.Decide(observed, r.Now())
	// What ends a link or hands out another is decided on live reads, as what is sent is.
	if !plan.Send && (plan.Status.State != inv.Status.State || plan.Status.LinkGeneration != inv.Status.LinkGeneration) {
		if observed, err = r.observe(ctx, r.Live, inv); err != nil {
			return ctrl.Result{}, err
		}
		plan = invite.Decide(observed, r.Now())
	}
	if plan.Send {
		return r.sendInTurn(ctx, observed)
	}
	return r.settle(ctx, inv, plan)
}

// settle writes a status that nothing is sent for.
func (r *InvitationReconciler) settle(ctx context.Context, inv *usherv1.Invitation, plan invite.Plan) (ctrl.Result, error) {
	if !equality.Semantic.DeepEqual(inv.Status, plan.Status) {
		before := inv.DeepCopy()
		inv.Status = plan.Status
		if err := r.Client.Status().Update(ctx, inv); err != nil {
			return ctrl.Result{}, err
		}
		r.announceInvitation(before, inv)
	}
	return r.wake(plan.Wake), nil
}

// observe loads what a decision about the Invitation depends on. Whether there is an answer that the Member did not take note of
// is asked of the API server alone: a cache cannot say no.
func (r *InvitationReconciler) observe(ctx context.Context, reader client.Reader, inv *usherv1.Invitation) (invite.Observation, error) {
	o := invite.Observation{Invitation: inv}
	member := &usherv1.Member{}
	found, err := get(ctx, reader, inv.Namespace, inv.Spec.MemberRef.Name, member)
	if !found {
		return o, err
	}
	o.Member = member
	o.Hold = r.Servers.Pace.Held(string(inv.UID), address.Inbox(string(member.Spec.Email)), r.Now())
	if o.Account, err = getAccount(ctx, reader, member.Namespace, member.Spec.AccountRef.Name); err != nil {
		return o, err
	}
	if reader == r.Live && member.Status.AcceptedAt == nil {
		c, err := readCredentials(ctx, r.Live, member)
		if err != nil {
			return o, err
		}
		o.Answered = c != nil
	}
	return o, nil
}
