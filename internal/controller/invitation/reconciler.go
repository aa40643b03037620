// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package invitation reconciles Invitations: it has them sent, and ends them when they are answered, expired or revoked.
package invitation

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/outbox"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

// Reconciler reconciles Invitations.
type Reconciler struct {
	reconciler.Base
	outbox *outbox.Outbox
	// keys make the links.
	keys *store.KeyStore
	// portalURL is the public base URL of the links, without a slash at the end.
	portalURL string
	wakeups   *reconciler.Wakeups
}

// Reconcile reconciles one Invitation.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	if result, settled := r.outbox.Settle(ctx, r.wakeups, request.NamespacedName); !settled {
		return result, nil
	}
	inv := &usherv1.Invitation{}
	found, err := store.Get(ctx, r.Reader(request), request.Namespace, request.Name, inv)
	if err != nil {
		return ctrl.Result{}, err
	}
	var result ctrl.Result
	if found && inv.DeletionTimestamp == nil {
		result, err = r.reconcile(ctx, inv)
	}
	return r.Finish(ctx, request, result, err)
}

func (r *Reconciler) reconcile(ctx context.Context, inv *usherv1.Invitation) (ctrl.Result, error) {
	cached, err := r.observe(ctx, r.Client, inv)
	if err != nil {
		return ctrl.Result{}, err
	}
	observed, plan, err := reconciler.DecideLive(cached, r.decide, func() (invite.Observation, error) { return r.observe(ctx, r.Live, inv) })
	if err != nil {
		return ctrl.Result{}, err
	}
	if plan.Send {
		return outbox.Send(ctx, r.outbox, &mail{r: r, observed: observed})
	}
	return r.writeStatus(ctx, observed, plan)
}

func (r *Reconciler) decide(o invite.Observation) invite.Plan { return invite.Decide(o, r.Now()) }

// writeStatus writes a status that nothing is sent for.
func (r *Reconciler) writeStatus(ctx context.Context, o invite.Observation, plan invite.Plan) (ctrl.Result, error) {
	inv := o.Invitation
	if plan.AwaitsTurn {
		r.outbox.Endpoints.Await(o.Account, string(inv.UID), r.wakeups, client.ObjectKeyFromObject(inv), r.Now())
	}
	if !equality.Semantic.DeepEqual(inv.Status, plan.Status) {
		before := inv.DeepCopy()
		inv.Status = plan.Status
		if err := store.UpdateStatus(ctx, r.Client, inv); err != nil {
			return ctrl.Result{}, err
		}
		r.emit(before, inv)
	}
	return r.WakeAt(plan.Wake), nil
}

// observe loads what a decision about the Invitation depends on, through reader: the cache or the API server. Whether there is an
// answer that the Member's status does not record yet is asked of the API server alone: a cache cannot say that there is none.
func (r *Reconciler) observe(ctx context.Context, reader client.Reader, inv *usherv1.Invitation) (invite.Observation, error) {
	o := invite.Observation{Invitation: inv, KeyLost: r.keyLost(ctx, inv)}
	member := &usherv1.Member{}
	found, err := store.Get(ctx, reader, inv.Namespace, inv.Spec.MemberRef.Name, member)
	if err != nil || !found {
		return o, err
	}
	o.Member = member
	if o.Account, err = r.accountOf(ctx, reader, member); err != nil {
		return o, err
	}
	if o.Account != nil {
		o.Hold, o.HoldLifted = r.outbox.Endpoints.Held(o.Account, string(inv.UID), string(member.Spec.Email), r.Now())
		o.Turn = r.outbox.Endpoints.Turn(o.Account, string(inv.UID), r.Now())
		o.Doubtful = r.outbox.Endpoints.Doubts(o.Account, inv.Status.LastError)
	}
	if reader == r.Live && member.Status.AcceptedAt == nil {
		o.Answered, o.Foreign, err = r.answer(ctx, member)
	}
	return o, err
}

// accountOf reads the Member's account: from the cache, or from the API server a moment ago. An account that is disabled within that moment
// still has a mail sent: the moment is shorter than the conversation with the mail server, and the invitee cannot accept.
func (r *Reconciler) accountOf(ctx context.Context, reader client.Reader, member *usherv1.Member) (*usherv1.Account, error) {
	if reader == r.Live {
		return r.Accounts.Get(ctx, r.Client, member.Namespace, member.Spec.AccountRef.Name)
	}
	return store.Account(ctx, reader, member.Namespace, member.Spec.AccountRef.Name)
}

// answer reports whether the member has answered, or a Secret without Usher's signature has the name of its credentials. While the keys
// cannot be read, any credentials count as an answer, so that no mail goes out to who has accepted.
func (r *Reconciler) answer(ctx context.Context, member *usherv1.Member) (answered, foreign bool, err error) {
	secret := &corev1.Secret{}
	found, err := store.Get(ctx, r.Live, member.Namespace, credentials.Name(member.Name), secret)
	if err != nil || !found {
		return false, false, err
	}
	signer, err := r.keys.SignerFor(ctx, secret)
	if err != nil {
		log.FromContext(ctx).Error(err, "cannot check the signature of an acceptance")
	}
	foreign = secret.Type != credentials.Type || signer.Check(secret) == credentials.Unsigned
	return !foreign, foreign, nil
}

// keyLost reports whether the key of a link that was sent is no longer among the token keys. If the keys cannot be read, nothing is
// known: the sender of a mail reports that.
func (r *Reconciler) keyLost(ctx context.Context, inv *usherv1.Invitation) bool {
	if inv.Status.State != usherv1.InvitationSent || inv.Status.KeyID == "" {
		return false
	}
	keys, err := r.keys.Get(ctx)
	return err == nil && !keys.Has(inv.Status.KeyID)
}
