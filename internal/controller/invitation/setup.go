// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invitation

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/outbox"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

// New returns the controller of Invitations, for that many of a namespace at once. portalURL is the public base URL of the links,
// without a slash at the end.
func New(base reconciler.Base, box *outbox.Outbox, keys *store.KeyStore, portalURL string, workers int) reconciler.Controller {
	r := &Reconciler{Base: base.ForController(), outbox: box, keys: keys, portalURL: portalURL, wakeups: reconciler.NewWakeups()}
	keys.OnChange(r.wakeSent)
	return reconciler.Controller{
		Name: "invitation", For: &usherv1.Invitation{}, Workers: workers, Reconciler: r, Wakeups: r.wakeups,
		AccountOf: reconciler.OfInvitations(base.Client),
		Watches: []reconciler.Watch{
			{Object: &usherv1.Member{}, Map: r.ofMember},
			{Object: &usherv1.Account{}, Map: r.ofAccount},
		},
	}
}

// ofMember returns the Invitations that name the member.
func (r *Reconciler) ofMember(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	m := reconciler.Present(before, after)
	var list usherv1.InvitationList
	err := store.List(ctx, r.Client, &list, m.GetNamespace(), store.ByMemberRef, m.GetName())
	return store.Keys(list.Items), err
}

// ofAccount returns the Invitations that may wait for the account: for its mail server, its ttl, or its being enabled again.
func (r *Reconciler) ofAccount(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	if !reconciler.Respecified(before, after) && !reconciler.MailReadyChanged(before, after) {
		return nil, nil
	}
	account := reconciler.Present(before, after)
	members, err := store.Members(ctx, r.Client, account.GetNamespace(), store.ByAccount, account.GetName())
	var keys []types.NamespacedName
	for i := range members {
		if m := &members[i]; m.Status.InvitationRef != nil && m.Status.State != usherv1.ObservedActive {
			keys = append(keys, types.NamespacedName{Namespace: m.Namespace, Name: m.Status.InvitationRef.Name})
		}
	}
	return keys, err
}

// wakeSent has the Invitations reconciled whose link is in a mail: it may have lost its key.
func (r *Reconciler) wakeSent(ctx context.Context) {
	var list usherv1.InvitationList
	if err := store.List(ctx, r.Client, &list, "", "", ""); err != nil {
		log.FromContext(ctx).Error(err, "cannot find the invitations whose key may be lost")
	}
	for i := range list.Items {
		if list.Items[i].Status.KeyID != "" && list.Items[i].Status.State == usherv1.InvitationSent {
			r.wakeups.Add(client.ObjectKeyFromObject(&list.Items[i]))
		}
	}
}
