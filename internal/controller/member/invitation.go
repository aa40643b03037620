// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package member

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/labels"
	"github.com/usher-dev/usher/internal/store"
)

// ensureInvitation makes the Member's Invitation. One that an earlier Member of this name left has to go first. Where this process has
// made one lately, it reads live before it writes: the cache is often asked again before it has the Invitation that was just made.
func (r *Reconciler) ensureInvitation(ctx context.Context, member *usherv1.Member) error {
	if !r.invited.lately(member.UID, r.Now()) {
		if living, err := r.accountLives(ctx, member); !living {
			return err
		}
		err := store.Create(ctx, r.Client, invitationFor(member))
		if err == nil {
			r.invited.note(member.UID, r.Now())
		}
		if !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	present := &usherv1.Invitation{}
	found, err := store.Get(ctx, r.Live, member.Namespace, member.Name, present)
	if err != nil {
		return err
	}
	if !found {
		if living, err := r.accountLives(ctx, member); !living {
			return err
		}
		return store.Create(ctx, r.Client, invitationFor(member))
	}
	if present.Spec.MemberRef.Name != member.Name {
		return apierrors.NewAlreadyExists(usherv1.GroupVersion.WithResource("invitations").GroupResource(), present.Name)
	}
	account, err := store.Account(ctx, r.Live, member.Namespace, member.Spec.AccountRef.Name)
	if err != nil || !invite.Leftover(present, member, account) {
		return err
	}
	return store.DeleteUID(ctx, r.Client, present)
}

// invitationFor returns the Invitation that is made for a Member.
func invitationFor(member *usherv1.Member) *usherv1.Invitation {
	return &usherv1.Invitation{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       member.Namespace,
			Name:            member.Name,
			Labels:          map[string]string{usherv1.AccountLabel: labels.Value(member.Spec.AccountRef.Name)},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(member, usherv1.GroupVersion.WithKind("Member"))},
		},
		Spec: usherv1.InvitationSpec{MemberRef: usherv1.MemberReference{Name: member.Name}},
	}
}

// adoptInvitation has the Invitation that was made for the Member before a restore name the Member's present UID as its owner. Its spec
// stays: what was revoked stays revoked. A garbage collector would delete it otherwise.
func (r *Reconciler) adoptInvitation(ctx context.Context, member *usherv1.Member, inv *usherv1.Invitation) error {
	inv = inv.DeepCopy()
	return store.PatchMetadata(ctx, r.Client, inv, "adopt", func() {
		for i := range inv.OwnerReferences {
			if ptr.Deref(inv.OwnerReferences[i].Controller, false) {
				inv.OwnerReferences[i] = *metav1.NewControllerRef(member, usherv1.GroupVersion.WithKind("Member"))
			}
		}
	})
}

// accountLives reports, by a live read of a moment ago, whether the Member's Account exists and is not being deleted: an old cache makes
// nothing for an account that is going. Its deletion wakes the Member.
func (r *Reconciler) accountLives(ctx context.Context, member *usherv1.Member) (bool, error) {
	account, err := r.Accounts.Get(ctx, r.Client, member.Namespace, member.Spec.AccountRef.Name)
	return account != nil, err
}

// forget removes the finalizer of a Member of which nothing is left. Its Invitation goes first: not every cluster runs a garbage
// collector, and a later Member of this name must not find it.
func (r *Reconciler) forget(ctx context.Context, member *usherv1.Member) error {
	inv := &usherv1.Invitation{}
	found, err := store.Get(ctx, r.Live, member.Namespace, member.Name, inv)
	if err != nil {
		return err
	}
	if found && made(inv) && inv.Spec.MemberRef.Name == member.Name {
		if err := store.DeleteUID(ctx, r.Client, inv); err != nil {
			return err
		}
	}
	return client.IgnoreNotFound(store.SetFinalizer(ctx, r.Client, member, usherv1.MemberFinalizer, false))
}
