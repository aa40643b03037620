// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package expirynotice

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/outbox"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

// New returns the controller of expiry notices, for those of that many Members of a namespace at once.
func New(base reconciler.Base, box *outbox.Outbox, workers int) reconciler.Controller {
	r := &Reconciler{Base: base.ForController(), outbox: box, wakeups: reconciler.NewWakeups()}
	return reconciler.Controller{
		Name: "expirynotice", For: &usherv1.Member{}, Workers: workers, Reconciler: r, Wakeups: r.wakeups,
		AccountOf: reconciler.OfMembers(base.Client),
		Concerns:  func(o client.Object) bool { return o.(*usherv1.Member).Spec.AccessUntil != nil },
		Watches:   []reconciler.Watch{{Object: &usherv1.Account{}, Map: r.ofAccount}},
	}
}

// ofAccount returns the members whose access expires some day: their notices may wait for the account or its mail server.
func (r *Reconciler) ofAccount(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	if !reconciler.Respecified(before, after) && !reconciler.MailReadyChanged(before, after) {
		return nil, nil
	}
	account := reconciler.Present(before, after)
	members, err := store.Members(ctx, r.Client, account.GetNamespace(), store.ByAccount, account.GetName())
	var keys []types.NamespacedName
	for i := range members {
		if members[i].Spec.AccessUntil != nil {
			keys = append(keys, client.ObjectKeyFromObject(&members[i]))
		}
	}
	return keys, err
}
