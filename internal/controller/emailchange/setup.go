// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package emailchange

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

// New returns the controller of changes of address, for those of that many Members of a namespace at once. portalURL is the base of the
// links.
func New(base reconciler.Base, box *outbox.Outbox, keys *store.KeyStore, portalURL string, workers int) reconciler.Controller {
	r := &Reconciler{Base: base.ForController(), outbox: box, keys: keys, portalURL: portalURL, wakeups: reconciler.NewWakeups()}
	keys.OnChange(r.wakeChanging)
	return reconciler.Controller{
		Name: "emailchange", For: &usherv1.Member{}, Workers: workers, Reconciler: r, Wakeups: r.wakeups,
		AccountOf: reconciler.OfMembers(base.Client),
		Concerns:  func(o client.Object) bool { return o.(*usherv1.Member).Status.EmailChange != nil },
		Watches:   []reconciler.Watch{{Object: &usherv1.Account{}, Map: r.ofAccount}},
	}
}

// ofAccount returns the members whose address changes: the mails may wait for the account or its mail server.
func (r *Reconciler) ofAccount(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	if !reconciler.Respecified(before, after) && !reconciler.MailReadyChanged(before, after) {
		return nil, nil
	}
	account := reconciler.Present(before, after)
	members, err := store.Members(ctx, r.Client, account.GetNamespace(), store.ByAccount, account.GetName())
	return changing(members), err
}

func changing(members []usherv1.Member) []types.NamespacedName {
	var keys []types.NamespacedName
	for i := range members {
		if members[i].Status.EmailChange != nil {
			keys = append(keys, client.ObjectKeyFromObject(&members[i]))
		}
	}
	return keys
}

// wakeChanging has the members reconciled whose address changes: the link that was sent may have lost its key.
func (r *Reconciler) wakeChanging(ctx context.Context) {
	members, err := store.Members(ctx, r.Client, "", "", "")
	if err != nil {
		log.FromContext(ctx).Error(err, "cannot find the changes of address whose key may be lost")
	}
	for _, key := range changing(members) {
		r.wakeups.Add(key)
	}
}
