// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package passwordreset

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/outbox"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

// New returns the controller of mails about passwords, for those of that many Members of a namespace at once. portalURL is the base of the
// links.
func New(base reconciler.Base, box *outbox.Outbox, keys *store.KeyStore, portalURL string, workers int) reconciler.Controller {
	r := &Reconciler{Base: base.ForController(), outbox: box, keys: keys, portalURL: portalURL, wakeups: reconciler.NewWakeups()}
	return reconciler.Controller{
		Name: "passwordreset", Workers: workers, Reconciler: r, Wakeups: r.wakeups, AccountOf: reconciler.OfMembers(base.Client),
		Watches: []reconciler.Watch{
			{Object: &corev1.Secret{}, Map: r.ofSecret},
			{Object: &usherv1.Account{}, Map: r.ofAccount},
		},
	}
}

// ofSecret returns the member whose credentials ask for a mail: its page in the portal has written that.
func (r *Reconciler) ofSecret(_ context.Context, _, after client.Object) ([]types.NamespacedName, error) {
	if after == nil {
		return nil, nil
	}
	name, ofMember := credentials.MemberOf(after.GetName())
	if !ofMember || !membership.AwaitsPasswordMail(after, r.Now()) {
		return nil, nil
	}
	return []types.NamespacedName{{Namespace: after.GetNamespace(), Name: name}}, nil
}

// ofAccount returns the members whose credentials ask for a mail: it may wait for the account or its mail server.
func (r *Reconciler) ofAccount(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	if !reconciler.Respecified(before, after) && !reconciler.MailReadyChanged(before, after) {
		return nil, nil
	}
	account := reconciler.Present(before, after)
	all, err := store.Credentials(ctx, r.Client, account.GetNamespace(), account.GetName())
	var keys []types.NamespacedName
	for i := range all {
		found, _ := r.ofSecret(ctx, nil, &all[i])
		keys = append(keys, found...)
	}
	return keys, err
}
