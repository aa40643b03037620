// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/membership"
)

// settleCredentials makes, changes or drops the Member's credentials as decided, and tells whether o changed by it.
func (r *MemberReconciler) settleCredentials(ctx context.Context, o *membership.Observation, d membership.Decision) (changed bool, err error) {
	m := o.Member
	secret := &corev1.Secret{}
	switch {
	case d.DropCredentials:
		found, err := get(ctx, r.Live, m.Namespace, credentials.Name(m.Name), secret)
		if err != nil {
			return false, err
		}
		if found {
			uid, version := secret.UID, secret.ResourceVersion
			err = r.Client.Delete(ctx, secret, client.Preconditions{UID: &uid, ResourceVersion: &version})
		}
		o.Credentials = nil
		return true, client.IgnoreNotFound(err)
	case d.MakeCredentials:
		secret = credentials.New(m, credentials.Answers{}, r.Now())
		if err := r.Client.Create(ctx, secret); err != nil {
			return false, err
		}
	case d.MoveCredentials || d.RotateToken:
		if err := r.Live.Get(ctx, client.ObjectKey{Namespace: m.Namespace, Name: credentials.Name(m.Name)}, secret); err != nil {
			return false, err
		}
		if err := r.changeCredentials(ctx, m, secret, d); err != nil {
			return false, err
		}
	default:
		return false, nil
	}
	o.Credentials = credentials.Read(secret)
	return true, nil
}

// changeCredentials moves credentials that were just read to another address, and replaces their API token, as decided.
//
// The token is replaced once for each time that the Member was disabled, and never while it is Active: the Secret is read before the
// Member, and written with the resourceVersion that was read. Before the Member can be Active again the Secret says that this was
// done, so that whatever is still on its way then is refused.
func (r *MemberReconciler) changeCredentials(ctx context.Context, m *usherv1.Member, secret *corev1.Secret, d membership.Decision) error {
	if d.MoveCredentials {
		secret.Data[credentials.KeyEmail] = []byte(m.Spec.Email)
	}
	rotated := d.RotateToken && credentials.RotateToken(secret, *m.Status.DisabledAt)
	if rotated {
		now := &usherv1.Member{}
		if _, err := get(ctx, r.Live, m.Namespace, m.Name, now); err != nil {
			return err
		}
		if now.UID != m.UID || now.Status.State == usherv1.ObservedActive || !now.Status.DisabledAt.Equal(m.Status.DisabledAt) {
			return apierrors.NewConflict(usherv1.GroupVersion.WithResource("members").GroupResource(), m.Name, errors.New("its status is another by now"))
		}
	}
	if !rotated && !d.MoveCredentials {
		return nil
	}
	if err := r.Client.Update(ctx, secret); err != nil {
		return err
	}
	if rotated {
		r.Recorder.Eventf(m, nil, corev1.EventTypeNormal, usherv1.ReasonTokenRotated, "RotateToken", "The API token was replaced, since the member was disabled")
	}
	return nil
}

// ensureInvitation makes the Member's Invitation. One that was left by an earlier Member of this name has to go first. It looks
// before it writes: the cache is often asked again before it knows of the Invitation that was just made.
func (r *MemberReconciler) ensureInvitation(ctx context.Context, member *usherv1.Member) error {
	there := &usherv1.Invitation{}
	found, err := get(ctx, r.Live, member.Namespace, member.Name, there)
	if err != nil {
		return err
	}
	if !found {
		return r.Client.Create(ctx, &usherv1.Invitation{
			ObjectMeta: metav1.ObjectMeta{
				Namespace:       member.Namespace,
				Name:            member.Name,
				OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(member, usherv1.GroupVersion.WithKind("Member"))},
			},
			Spec: usherv1.InvitationSpec{MemberRef: usherv1.MemberReference{Name: member.Name}},
		})
	}
	switch owner := metav1.GetControllerOf(there); {
	case there.Spec.MemberRef.Name != member.Name:
		return apierrors.NewAlreadyExists(usherv1.GroupVersion.WithResource("invitations").GroupResource(), there.Name)
	case owner != nil && owner.UID != member.UID:
		return r.deleteInvitation(ctx, there)
	}
	return nil
}

func (r *MemberReconciler) deleteInvitation(ctx context.Context, inv *usherv1.Invitation) error {
	uid := inv.UID
	return client.IgnoreNotFound(r.Client.Delete(ctx, inv, client.Preconditions{UID: &uid}))
}

// forget lets a Member go that nothing is left of. Its Invitation goes first: not every cluster runs a garbage collector, and a
// later Member of this name is not to find it.
func (r *MemberReconciler) forget(ctx context.Context, member *usherv1.Member) error {
	inv := &usherv1.Invitation{}
	found, err := get(ctx, r.Live, member.Namespace, member.Name, inv)
	if err != nil {
		return err
	}
	if found && metav1.IsControlledBy(inv, member) {
		if err := r.deleteInvitation(ctx, inv); err != nil {
			return err
		}
	}
	return client.IgnoreNotFound(setFinalizer(ctx, r.Client, member, usherv1.MemberFinalizer, false))
}

// sweep deletes credentials that came into being while their Member went: made by whoever had not heard of its deletion yet. Only
// those of a Member that the account remembers; any others may have been restored before their Member.
func (r *MemberReconciler) sweep(ctx context.Context, member types.NamespacedName) error {
	if found, err := get(ctx, r.Client, member.Namespace, credentials.Name(member.Name), secretMetadata()); !found {
		return err
	}
	if there, err := get(ctx, r.Live, member.Namespace, member.Name, &usherv1.Member{}); err != nil || there {
		return err
	}
	secret, account := &corev1.Secret{}, &usherv1.Account{}
	if found, err := get(ctx, r.Live, member.Namespace, credentials.Name(member.Name), secret); !found {
		return err
	}
	if found, err := get(ctx, r.Live, member.Namespace, secret.Labels[usherv1.AccountLabel], account); !found {
		return err
	}
	if credentials.AcceptanceOf(credentials.Read(secret), nil, account) != credentials.OfEarlierMember {
		return nil
	}
	uid, version := secret.UID, secret.ResourceVersion
	return client.IgnoreNotFound(r.Client.Delete(ctx, secret, client.Preconditions{UID: &uid, ResourceVersion: &version}))
}
