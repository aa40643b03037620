// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package passwordreset sends the mails about members' passwords: the link that sets a new one, which its member requests in the portal,
// and the notice that it was changed.
//
// The portal writes into the metadata of a member's credentials what it asks for, and this controller what has become of it, each with the
// resourceVersion that it read. Nothing of the link is stored: it is made of the password's hash, so that another password voids it.
package passwordreset

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/outbox"
	"github.com/usher-dev/usher/internal/reason"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

// +kubebuilder:rbac:groups=usher.dev,resources=members,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;update

// Reconciler reconciles the mails about Members' passwords. Its keys are those of the Members.
type Reconciler struct {
	reconciler.Base
	outbox *outbox.Outbox
	// keys make the links, and check acceptances.
	keys *store.KeyStore
	// portalURL is the public base URL of the links, without a slash at the end.
	portalURL string
	wakeups   *reconciler.Wakeups
}

// observation is what a decision is made from, with the contents of the credentials where they were read.
type observation struct {
	membership.PasswordMailObservation
	secret *corev1.Secret
}

// Reconcile reconciles the mails about one Member's password.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	if result, settled := r.outbox.Settle(ctx, r.wakeups, request.NamespacedName); !settled {
		return result, nil
	}
	result, err := r.reconcile(ctx, request)
	return r.Finish(ctx, request, result, err)
}

func (r *Reconciler) reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	reader := r.Reader(request)
	meta := store.SecretMetadata()
	found, err := store.Get(ctx, reader, request.Namespace, credentials.Name(request.Name), meta)
	if err != nil || !found || !membership.AwaitsPasswordMail(meta, r.Now()) {
		return ctrl.Result{}, err
	}
	member := &usherv1.Member{}
	if found, err = store.Get(ctx, reader, request.Namespace, request.Name, member); err != nil || !found {
		return ctrl.Result{}, err
	}
	cached := observation{PasswordMailObservation: membership.PasswordMailObservation{Member: member, Credentials: meta, SignsIn: true}}
	if err := r.observeAround(ctx, reader, &cached); err != nil {
		return ctrl.Result{}, err
	}
	observed, plan, err := reconciler.DecideLive(cached, r.decide, func() (observation, error) { return r.observeLive(ctx, member) })
	if err != nil || observed.Member == nil {
		return ctrl.Result{}, err
	}
	if plan.Send != "" {
		return outbox.Send(ctx, r.outbox, &mail{r: r, observed: observed, plan: plan})
	}
	return r.wait(observed, plan), nil
}

func (r *Reconciler) decide(o observation) membership.PasswordMailPlan {
	if o.Member == nil {
		return membership.PasswordMailPlan{}
	}
	return membership.DecidePasswordMails(o.PasswordMailObservation, r.Now())
}

// wait returns when to decide again about mails of which none is sent now.
func (r *Reconciler) wait(o observation, plan membership.PasswordMailPlan) ctrl.Result {
	if plan.AwaitsTurn != "" {
		id, key := idOf(o.Member, plan.AwaitsTurn), client.ObjectKeyFromObject(o.Member)
		r.outbox.Endpoints.Await(o.Account, id, r.wakeups, key, r.Now())
	}
	return r.WakeAt(plan.Wake)
}

// observeAround loads the Member's account, through reader, and which mails have their turn.
func (r *Reconciler) observeAround(ctx context.Context, reader client.Reader, o *observation) error {
	var err error
	if o.Account, err = store.Account(ctx, reader, o.Member.Namespace, o.Member.Spec.AccountRef.Name); err != nil || o.Account == nil {
		return err
	}
	for _, kind := range credentials.PasswordMailKinds {
		if r.outbox.Endpoints.Turn(o.Account, idOf(o.Member, kind), r.Now()) {
			o.Turn = append(o.Turn, kind)
		}
	}
	return nil
}

// observeLive reads everything from the API server. The observation has no Member if it is gone.
func (r *Reconciler) observeLive(ctx context.Context, cached *usherv1.Member) (observation, error) {
	member, secret := &usherv1.Member{}, &corev1.Secret{}
	found, err := store.Get(ctx, r.Live, cached.Namespace, cached.Name, member)
	if err != nil || !found {
		return observation{}, err
	}
	o := observation{PasswordMailObservation: membership.PasswordMailObservation{Member: member}}
	if err := r.observeAround(ctx, r.Live, &o); err != nil {
		return observation{}, err
	}
	if found, err = store.Get(ctx, r.Live, cached.Namespace, credentials.Name(cached.Name), secret); err != nil || !found {
		return o, err
	}
	signer, err := r.keys.SignerFor(ctx, secret)
	if err != nil {
		return observation{}, err
	}
	acceptance := credentials.AcceptanceOf(credentials.Read(secret, signer), member, o.Account)
	o.secret, o.Credentials, o.Email = secret, secret, usherv1.EmailAddress(secret.Data[credentials.KeyEmail])
	o.SignsIn = acceptance.OpensSession(member) && o.Email != "" && credentials.PasswordHash(secret) != nil &&
		!credentials.Immutable(secret) && !reason.OfMember(member).Duplicate
	return o, nil
}
