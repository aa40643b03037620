// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/channel/factory"
	"github.com/usher-dev/usher/internal/membership"
)

// Probes: how long one may take, and how often a server that fails is tried.
const (
	probeTimeout = 30 * time.Second
	probePause   = time.Minute
)

// MailServerReconciler probes the servers of SMTP Secrets: when a Secret changes, and once a minute while the server fails.
type MailServerReconciler struct {
	Environment
	Sender  channel.Channel
	Servers *MailServers
	// Configured: the manager knows the portal's URL. Without it there are no links, so nothing is sent.
	Configured bool
}

// Reconcile looks at one SMTP Secret, there or not.
func (r *MailServerReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	key := request.NamespacedName
	accounts, err := r.accountsOf(ctx, key)
	if err != nil {
		return ctrl.Result{}, err
	}
	if len(accounts) == 0 {
		if last, known := r.Servers.recall(key); known {
			r.Sender.Forget(last.server)
		}
		r.Servers.forget(key)
		return ctrl.Result{}, nil
	}
	secret := &corev1.Secret{}
	found, err := get(ctx, r.Live, key.Namespace, key.Name, secret)
	if err != nil {
		return ctrl.Result{}, err
	}
	last, known := r.Servers.recall(key)
	same := known && last.version == secret.ResourceVersion
	if same && last.untold {
		last.untold = false
		r.Servers.remember(key, last)
		tell(r.Servers, accounts)
	}
	now := r.Now()
	if same && last.verdict.Ready && !last.suspect {
		return ctrl.Result{}, nil
	}
	if due := last.due(); same && now.Before(due) && !now.Before(last.at) {
		return ctrl.Result{RequeueAfter: due.Sub(now)}, nil
	}
	next := probed{version: secret.ResourceVersion, at: now}
	next.server, next.verdict = r.probe(ctx, key, secret, found)
	if same {
		next.refusals = last.refusals
	} else if known {
		r.Sender.Forget(last.server)
	}
	r.Servers.remember(key, next)
	if !known || last.suspect || last.verdict != next.verdict {
		tell(r.Servers, accounts)
	}
	if next.verdict.Ready {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{RequeueAfter: next.due().Sub(now)}, nil
}

func tell(servers *MailServers, accounts []usherv1.Account) {
	for i := range accounts {
		notify(servers.Accounts, &usherv1.Account{}, client.ObjectKeyFromObject(&accounts[i]))
	}
}

// notConfigured is what every account is told of a manager that makes no links.
var notConfigured = membership.MailVerdict{
	Reason: usherv1.ReasonNotConfigured, Message: "The manager was started without --portal-url, so there is no link to send",
}

// probe tells what server the Secret leads to, and what is to be said of it.
func (r *MailServerReconciler) probe(ctx context.Context, key types.NamespacedName, secret *corev1.Secret, found bool) (channel.Endpoint, membership.MailVerdict) {
	if !r.Configured {
		return nil, notConfigured
	}
	if !found {
		return nil, membership.MailVerdict{Reason: usherv1.ReasonSecretNotFound, Message: fmt.Sprintf(
			"There is no Secret %s in namespace %s; create it with at least the keys host and from", key.Name, key.Namespace)}
	}
	server, err := factory.Parse(secret.Data)
	if err != nil {
		return nil, verdictOf(key, err)
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return server, verdictOf(key, r.Sender.Probe(ctx, server))
}

// accountsOf are the accounts that send with the Secret.
func (r *MailServerReconciler) accountsOf(ctx context.Context, key types.NamespacedName) ([]usherv1.Account, error) {
	var named, byDefault usherv1.AccountList
	if err := r.Client.List(ctx, &named, listed(key.Namespace, client.MatchingFields{indexSecretRef: key.Name})...); err != nil {
		return nil, err
	}
	if key == r.Servers.Default {
		if err := r.Client.List(ctx, &byDefault, listed("", client.MatchingFields{indexSecretRef: ""})...); err != nil {
			return nil, err
		}
	}
	return append(append([]usherv1.Account{}, named.Items...), byDefault.Items...), nil
}
