// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mailserver

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/outbox"
	"github.com/usher-dev/usher/internal/reconciler"
)

// workers is how many Secrets of a namespace are reconciled at once. Fewer endpoints are probed at once, so that none has all workers.
const workers = 8

// New returns the controller of the endpoints that accounts send with. Its keys are those of their Secrets, whether those exist or
// not. Without a portal there are no links, and nothing is probed.
func New(base reconciler.Base, through channel.Channel, endpoints *outbox.Endpoints, hasPortal bool) reconciler.Controller {
	r := &Reconciler{Base: base.ForController(), channel: through, endpoints: endpoints, hasPortal: hasPortal}
	return reconciler.Controller{
		Name: "mailserver", Workers: workers, Reconciler: r, Wakeups: endpoints.Secrets,
		Everywhere: func(key reconcile.Request) bool { return key.NamespacedName == endpoints.Default },
		Watches: []reconciler.Watch{
			{Object: &usherv1.Account{}, Map: r.ofAccount},
			{Object: &corev1.Secret{}, Map: ofSecret},
		},
	}
}

// ofAccount returns the Secrets that the account sends with, and sent with before, if its spec changed.
func (r *Reconciler) ofAccount(_ context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	var keys []types.NamespacedName
	for _, o := range []client.Object{before, after} {
		if o == nil {
			continue
		}
		if key := r.endpoints.SecretOf(o.(*usherv1.Account)); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 1 && !reconciler.Respecified(before, after) {
		return nil, nil
	}
	return keys, nil
}

func ofSecret(_ context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	secret := reconciler.Present(before, after)
	if _, ofMember := credentials.MemberOf(secret.GetName()); ofMember {
		return nil, nil
	}
	return []types.NamespacedName{client.ObjectKeyFromObject(secret)}, nil
}
