// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/outbox/ratelimit"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

const (
	// probePause is how often an endpoint that fails is probed.
	probePause = time.Minute
	// probesAtOnce is how many endpoints are probed at once.
	probesAtOnce = 8
)

// NotConfigured is the verdict for every account of a manager that makes no links.
var NotConfigured = membership.MailVerdict{
	Reason: usherv1.ReasonNotConfigured, Message: "The manager was started without --portal-url, so there is no link to send",
}

// Endpoints holds what the last probe of each mail endpoint found. The controllers that probe endpoints, send mails and report to
// accounts share it.
type Endpoints struct {
	// Live reads the contents of Secrets when they are needed; they are never cached.
	Live client.Reader
	// parse reads an endpoint from its Secret's data. A trusted one is the platform's own.
	parse func(data map[string][]byte, trusted bool) (channel.Endpoint, error)
	// Default is the Secret of accounts that name none.
	Default types.NamespacedName
	// Accounts and Secrets wake the controllers of accounts and of endpoints.
	Accounts, Secrets *reconciler.Wakeups
	// Limiter has the rate limits.
	Limiter *ratelimit.Limiter
	// Quota is how many mails an account may send through the default Secret within delivery.QuotaWindow; 0 for any number.
	Quota int
	// Sharing is how many replicas send through the default Secret's server at the same time, each a part of what it allows; 0 for one. Every
	// other Secret is in a namespace, which one replica reconciles.
	Sharing int

	// slots bounds the mails that are sent at once, probes the probes.
	slots, probes *slots

	mu      sync.Mutex
	probed  map[types.NamespacedName]Probed
	guarded map[share]*guard
}

// Probed is the outcome of a probe, or of an attempt to send after it.
type Probed struct {
	// Version of the Secret that was probed; empty if it did not exist.
	Version string
	// Endpoint that the Secret describes; nil if it describes none.
	Endpoint channel.Endpoint
	At       time.Time
	Verdict  membership.MailVerdict
	// Suspect: since the probe, another manager got a different result.
	Suspect bool
	// Refusals counts how often attempts to send failed before MAIL although the endpoint answered the probe before, since the last mail
	// that it accepted. Unreported: the accounts' conditions do not show the latest verdict yet.
	Refusals   int
	Unreported bool
}

// Due returns when an endpoint that is not ready is probed again: in a minute, or at growing intervals while it answers probes but
// accepts no mail.
func (p Probed) Due() time.Time {
	pause := probePause
	for range min(max(p.Refusals-1, 0), 6) {
		pause *= 2
	}
	return p.At.Add(pause)
}

// NewEndpoints returns Endpoints without any results yet, for that many mails at once.
func NewEndpoints(
	live client.Reader, parse func(data map[string][]byte, trusted bool) (channel.Endpoint, error), defaultSecret types.NamespacedName,
	mails int,
) *Endpoints {
	return &Endpoints{
		Live: live, parse: parse, Default: defaultSecret, Limiter: ratelimit.New(), slots: newSlots(mails), probes: newSlots(probesAtOnce),
		Accounts: reconciler.NewWakeups(), Secrets: reconciler.NewWakeups(), probed: map[types.NamespacedName]Probed{},
		guarded: map[share]*guard{},
	}
}

// SecretOf returns the key of the Secret with an account's endpoint.
func (e *Endpoints) SecretOf(account *usherv1.Account) types.NamespacedName {
	if name := store.SecretRef(account); name != "" {
		return types.NamespacedName{Namespace: account.Namespace, Name: name}
	}
	return e.Default
}

// StartProbe asks for a slot to probe the endpoint of a Secret; end gives it back. If none is free, the controller of endpoints is woken
// when it is this one's turn, and asks again after pause at the latest.
func (e *Endpoints) StartProbe(
	key types.NamespacedName, endpoint channel.Endpoint, now time.Time,
) (end func(now time.Time), pause time.Duration, free bool) {
	in := lane{namespace: key.Namespace, endpoint: endpoint.String(), byDefault: key == e.Default}
	end, free = e.probes.acquire(in, waiter{e.Secrets, key}, now)
	return end, busyPause, free
}

// current returns an account's endpoint: the one that was probed, if the cache says that its Secret has not changed since, else what the
// Secret says now.
func (e *Endpoints) current(ctx context.Context, cache client.Reader, account *usherv1.Account) (channel.Endpoint, bool, error) {
	key, meta := e.SecretOf(account), store.SecretMetadata()
	if p, known := e.Probed(key); known && p.Endpoint != nil {
		found, err := store.Get(ctx, cache, key.Namespace, key.Name, meta)
		if err != nil {
			return nil, false, err
		}
		if found && meta.ResourceVersion == p.Version {
			return p.Endpoint, true, nil
		}
	}
	return e.Load(ctx, account)
}

// Load reads an account's endpoint. It is not usable if its Secret does not exist or cannot be parsed. An error comes from the
// API server and says nothing about the endpoint.
func (e *Endpoints) Load(ctx context.Context, account *usherv1.Account) (endpoint channel.Endpoint, usable bool, err error) {
	secret, key := &corev1.Secret{}, e.SecretOf(account)
	found, err := store.Get(ctx, e.Live, key.Namespace, key.Name, secret)
	if err != nil || !found {
		return nil, false, err
	}
	endpoint, err = e.Parse(secret)
	return endpoint, err == nil, nil
}

// Parse reads an endpoint from its Secret. A user who can write a Secret into the namespace of the default one is the platform.
func (e *Endpoints) Parse(secret *corev1.Secret) (channel.Endpoint, error) {
	return e.parse(secret.Data, secret.Namespace == e.Default.Namespace)
}

// lane returns what an account's mails need a slot for. If no probe has found the account's endpoint yet, lane reads the Secret.
func (e *Endpoints) lane(ctx context.Context, account *usherv1.Account) (in lane, usable bool, err error) {
	key := e.SecretOf(account)
	p, known := e.Probed(key)
	endpoint := p.Endpoint
	if !known || endpoint == nil {
		if endpoint, usable, err = e.Load(ctx, account); err != nil || !usable {
			return lane{}, false, err
		}
	}
	return lane{
		namespace: account.Namespace, account: account.Name, endpoint: endpoint.String(), byDefault: key == e.Default, secret: key,
		connections: e.partOf(key, endpoint.Connections()),
	}, true, nil
}

// partOf returns the part that this replica has of a limit of a Secret; 0 is no limit. It is at least 1.
func (e *Endpoints) partOf(secret types.NamespacedName, limit int) int {
	if secret != e.Default || limit == 0 {
		return limit
	}
	return max(1, limit/max(1, e.Sharing))
}

// Verdict returns the last verdict on an account's endpoint; nil before the first probe. An endpoint that answers probes is not ready
// either while it refuses the account's mails.
func (e *Endpoints) Verdict(account *usherv1.Account) *membership.MailVerdict {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, known := e.probed[e.SecretOf(account)]
	if !known {
		return nil
	}
	verdict := p.Verdict
	verdict.At = p.At
	if !verdict.Ready {
		return &verdict
	}
	if g := e.closedTo(account); g != nil {
		verdict = g.verdict
		verdict.At = g.Since()
		return &verdict
	}
	all, own := e.guards(account)
	for _, g := range []*guard{all, own} {
		if g != nil && g.Since().After(verdict.At) {
			verdict.At = g.Since()
		}
	}
	return &verdict
}

// Suspect asks for another probe of an account's endpoint, as soon as one is due.
func (e *Endpoints) Suspect(account *usherv1.Account) {
	key := e.SecretOf(account)
	e.change(key, func(p *Probed) { p.Suspect = true })
	e.Secrets.Add(key)
}

// change edits the entry of an endpoint, if it has one.
func (e *Endpoints) change(key types.NamespacedName, change func(*Probed)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p, known := e.probed[key]; known {
		change(&p)
		e.probed[key] = p
	}
}

// Probed returns the entry of the endpoint of a Secret.
func (e *Endpoints) Probed(key types.NamespacedName) (p Probed, known bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, known = e.probed[key]
	return p, known
}

// SetProbed sets the entry of the endpoint of a Secret.
func (e *Endpoints) SetProbed(key types.NamespacedName, p Probed) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.probed[key] = p
}

// Changed forgets what the endpoint of a Secret refused: the Secret has changed, so that may be over.
func (e *Endpoints) Changed(key types.NamespacedName) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forgetRefusals(key)
}

// Forget removes the entry of the endpoint of a Secret.
func (e *Endpoints) Forget(key types.NamespacedName) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.probed, key)
	e.forgetRefusals(key)
}

// VerdictOf returns what an error from reading an endpoint or probing it means, and what to do about it; nil means that the endpoint
// answered.
func VerdictOf(key types.NamespacedName, err error) membership.MailVerdict {
	var failed *channel.Error
	switch {
	case err == nil:
		return membership.MailVerdict{
			Ready: true, Reason: usherv1.ReasonMailReady, Message: fmt.Sprintf("The mail server of Secret %s answered", key),
		}
	case errors.As(err, &failed):
		return membership.MailVerdict{
			Reason: cmp.Or(failed.Reason, usherv1.ReasonServerUnreachable), Message: fmt.Sprintf("Secret %s: %s", key, failed.Message),
		}
	}
	return membership.MailVerdict{Reason: usherv1.ReasonSecretInvalid, Message: fmt.Sprintf("Secret %s: %v", key, err)}
}
