// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package mailserver probes the endpoints that accounts send mails with: when a Secret changes, and once a minute while its endpoint
// fails. The accounts report what it finds.
package mailserver

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/outbox"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

// probeTimeout bounds one probe.
const probeTimeout = 30 * time.Second

// Reconciler reconciles endpoints by the keys of their Secrets.
type Reconciler struct {
	reconciler.Base
	channel   channel.Channel
	endpoints *outbox.Endpoints
	// hasPortal: the manager knows the portal's URL.
	hasPortal bool
}

// Reconcile probes the endpoint of one Secret, if that is due.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	result, err := r.reconcile(ctx, request.NamespacedName)
	return r.Finish(ctx, request, result, err)
}

func (r *Reconciler) reconcile(ctx context.Context, key types.NamespacedName) (ctrl.Result, error) {
	accounts, err := r.accountsOf(ctx, key)
	if err != nil {
		return ctrl.Result{}, err
	}
	last, known := r.endpoints.Probed(key)
	if len(accounts) == 0 {
		r.hangUp(last)
		r.endpoints.Forget(key)
		return ctrl.Result{}, nil
	}
	secret := &corev1.Secret{}
	found, err := store.Get(ctx, r.Live, key.Namespace, key.Name, secret)
	if err != nil {
		return ctrl.Result{}, err
	}
	now, same := r.Now(), known && last.Version == secret.ResourceVersion
	if same {
		last = r.report(key, last, accounts)
		if due, at := isDue(last, now); !due {
			return r.WakeAt(earlier(at, r.endpoints.GiveTurns(key, now))), nil
		}
	}
	next := outbox.Probed{Version: secret.ResourceVersion, At: now}
	if next.Endpoint, next.Verdict = r.endpointOf(key, secret, found); next.Endpoint != nil {
		verdict, pause := r.probeInTurn(ctx, key, next.Endpoint, now)
		if pause > 0 {
			return ctrl.Result{RequeueAfter: pause}, nil
		}
		next.Verdict = verdict
	}
	switch {
	case same:
		next.Refusals = last.Refusals
	case known:
		r.hangUp(last)
		r.endpoints.Changed(key)
	}
	r.endpoints.SetProbed(key, next)
	if !known || last.Suspect || last.Verdict != next.Verdict {
		r.wake(accounts)
	}
	if next.Verdict.Ready {
		return r.WakeAt(r.endpoints.GiveTurns(key, now)), nil
	}
	return r.WakeAt(next.Due()), nil
}

// earlier returns the earlier of two times, of which a zero one never comes.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// isDue reports whether another probe of an endpoint is due at now, although its Secret has not changed, and when it will be if not. The
// time is zero if only an event makes it due.
func isDue(last outbox.Probed, now time.Time) (due bool, at time.Time) {
	if last.Verdict.Ready && !last.Suspect {
		return false, time.Time{}
	}
	at = last.Due()
	return !now.Before(at) || now.Before(last.At), at
}

// report wakes the accounts if they have not heard of the latest verdict yet.
func (r *Reconciler) report(key types.NamespacedName, last outbox.Probed, accounts []usherv1.Account) outbox.Probed {
	if last.Unreported {
		last.Unreported = false
		r.endpoints.SetProbed(key, last)
		r.wake(accounts)
	}
	return last
}

// hangUp ends the connections to an endpoint that no account sends with any more, or whose Secret has changed.
func (r *Reconciler) hangUp(last outbox.Probed) {
	if last.Endpoint != nil {
		r.channel.Forget(last.Endpoint)
	}
}

// wake has the accounts report what was found.
func (r *Reconciler) wake(accounts []usherv1.Account) {
	for _, key := range store.Keys(accounts) {
		r.endpoints.Accounts.Add(key)
	}
}

// endpointOf returns the endpoint that the Secret describes. If it describes none, the endpoint is nil and the verdict says why.
func (r *Reconciler) endpointOf(key types.NamespacedName, secret *corev1.Secret, found bool) (channel.Endpoint, membership.MailVerdict) {
	if !r.hasPortal {
		return nil, outbox.NotConfigured
	}
	if !found {
		return nil, membership.MailVerdict{Reason: usherv1.ReasonSecretNotFound, Message: fmt.Sprintf(
			"There is no Secret %s in namespace %s; create it with at least the keys host and from", key.Name, key.Namespace)}
	}
	endpoint, err := r.endpoints.Parse(secret)
	if err != nil {
		return nil, outbox.VerdictOf(key, err)
	}
	return endpoint, membership.MailVerdict{}
}

// probeInTurn probes the endpoint in a slot of its own. If none is free, pause is after how long to ask again.
func (r *Reconciler) probeInTurn(
	ctx context.Context, key types.NamespacedName, endpoint channel.Endpoint, now time.Time,
) (verdict membership.MailVerdict, pause time.Duration) {
	end, pause, free := r.endpoints.StartProbe(key, endpoint, now)
	if !free {
		return verdict, pause
	}
	defer func() { end(r.Now()) }() // also after a panic, which ends one reconcile and not the process
	return r.probe(ctx, key, endpoint), 0
}

// probe returns what the accounts report of the endpoint.
func (r *Reconciler) probe(ctx context.Context, key types.NamespacedName, endpoint channel.Endpoint) membership.MailVerdict {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return outbox.VerdictOf(key, r.channel.Probe(ctx, endpoint))
}

// accountsOf returns the accounts that send with the Secret.
func (r *Reconciler) accountsOf(ctx context.Context, key types.NamespacedName) ([]usherv1.Account, error) {
	named, err := store.Accounts(ctx, r.Client, key.Namespace, store.BySecretRef, key.Name)
	if err != nil || key != r.endpoints.Default {
		return named, err
	}
	byDefault, err := store.Accounts(ctx, r.Client, "", store.BySecretRef, "")
	return append(append([]usherv1.Account{}, named...), byDefault...), err
}
