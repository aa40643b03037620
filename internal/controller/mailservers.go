// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/channel/factory"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/outbox/ratelimit"
)

// MailServers knows what the last probe of each SMTP Secret's server said. It is shared by the reconcilers that probe, that
// send, and that tell the accounts.
type MailServers struct {
	// Live reads the Secrets' contents when they are needed; they are never cached.
	Live client.Reader
	// Default is the Secret of accounts that name none.
	Default types.NamespacedName
	// Accounts that are to be looked at again, Secrets whose server is to be probed again, and Invitations and ending Members that
	// find a free conversation now.
	Accounts, Secrets, Invitations, Endings chan event.GenericEvent
	// Pace says when a mail's turn is.
	Pace *ratelimit.Pace

	// PerServer is how many conversations with one server run at once, so that a slow one leaves room for the others.
	PerServer int

	mu       sync.Mutex
	verdicts map[types.NamespacedName]probed
	lines    map[string]*line
}

// probed is the outcome of a probe, or of an attempt to send after it.
type probed struct {
	// version of the Secret that was probed; empty if it was not there.
	version string
	// server that the Secret leads to; nil if it leads to none.
	server  channel.Endpoint
	at      time.Time
	verdict membership.MailVerdict
	// suspect: an attempt to send could not reach the server since, or another operator found otherwise.
	suspect bool
	// refusals counts the attempts to send that the server refused although it answered the probe before, since the last mail
	// that it took; untold: the accounts do not know of the latest yet.
	refusals int
	untold   bool
}

// due is when a server that is not ready is probed again: in a minute, or later and later while it answers probes and takes no mail.
func (p probed) due() time.Time {
	pause := probePause
	for range min(max(p.refusals-1, 0), 6) {
		pause *= 2
	}
	return p.at.Add(pause)
}

// NewMailServers returns a MailServers that knows nothing yet, for that many conversations at once, half of them with one server.
func NewMailServers(live client.Reader, defaultSecret types.NamespacedName, workers int) *MailServers {
	return &MailServers{
		Live: live, Default: defaultSecret, PerServer: max(1, workers/2),
		Pace: ratelimit.New(), verdicts: map[types.NamespacedName]probed{}, lines: map[string]*line{},
		Accounts: make(chan event.GenericEvent, 1024), Secrets: make(chan event.GenericEvent, 1024),
		Invitations: make(chan event.GenericEvent, 1024), Endings: make(chan event.GenericEvent, 1024),
	}
}

// SecretOf names the SMTP Secret that an account sends with.
func (s *MailServers) SecretOf(account *usherv1.Account) types.NamespacedName {
	if name := secretRef(account); name != "" {
		return types.NamespacedName{Namespace: account.Namespace, Name: name}
	}
	return s.Default
}

// Load reads the server that an account sends with, which is not usable if its Secret is not there or makes no sense. An error is
// the API server's and says nothing of that.
func (s *MailServers) Load(ctx context.Context, account *usherv1.Account) (server channel.Endpoint, usable bool, err error) {
	secret, key := &corev1.Secret{}, s.SecretOf(account)
	found, err := get(ctx, s.Live, key.Namespace, key.Name, secret)
	if !found {
		return nil, false, err
	}
	server, err = factory.Parse(secret.Data)
	return server, err == nil, nil
}

// Verdict is what is known of an account's server; nil before the first probe.
func (s *MailServers) Verdict(account *usherv1.Account) *membership.MailVerdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, known := s.verdicts[s.SecretOf(account)]; known {
		verdict := p.verdict
		verdict.At = p.at
		return &verdict
	}
	return nil
}

// Suspect asks for another probe of an account's server, as soon as one is due.
func (s *MailServers) Suspect(account *usherv1.Account) {
	key := s.SecretOf(account)
	s.mu.Lock()
	if p, known := s.verdicts[key]; known {
		p.suspect = true
		s.verdicts[key] = p
	}
	s.mu.Unlock()
	notify(s.Secrets, &corev1.Secret{}, key)
}

// Report takes note of how an attempt to send ended at now. A server that refused it for a reason that concerns every mail is not
// ready, whatever the last probe said; one that could not be reached is probed again.
func (s *MailServers) Report(account *usherv1.Account, err error, now time.Time) {
	key := s.SecretOf(account)
	var failed *channel.Error
	errors.As(err, &failed)
	s.mu.Lock()
	p, known := s.verdicts[key]
	switch {
	case err == nil:
		p.refusals = 0
	case failed != nil && failed.Class == usherv1.ErrorConfiguration:
		p.refusals++
		p.at, p.verdict, p.untold = now, verdictOf(key, err), true
	default:
		p.suspect = true
	}
	if known {
		s.verdicts[key] = p
	}
	s.mu.Unlock()
	if err != nil {
		notify(s.Secrets, &corev1.Secret{}, key)
	}
}

func (s *MailServers) recall(key types.NamespacedName) (probed, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, known := s.verdicts[key]
	return p, known
}

func (s *MailServers) remember(key types.NamespacedName, p probed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verdicts[key] = p
}

func (s *MailServers) forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.verdicts, key)
}

// notify queues an event; where the queue is full, somebody is about to look anyway.
func notify(queue chan event.GenericEvent, object client.Object, key types.NamespacedName) {
	object.SetNamespace(key.Namespace)
	object.SetName(key.Name)
	select {
	case queue <- event.GenericEvent{Object: object}:
	default:
	}
}

// verdictOf says what a Secret's absence or an error of probing means, and what to do about it.
func verdictOf(key types.NamespacedName, err error) membership.MailVerdict {
	var failed *channel.Error
	switch {
	case err == nil:
		return membership.MailVerdict{Ready: true, Reason: usherv1.ReasonMailReady, Message: "The mail server answered"}
	case errors.As(err, &failed) && failed.Reason != "":
		return membership.MailVerdict{Reason: failed.Reason, Message: failed.Message}
	case errors.As(err, &failed):
		return membership.MailVerdict{Reason: usherv1.ReasonServerUnreachable, Message: failed.Message}
	}
	return membership.MailVerdict{Reason: usherv1.ReasonSecretInvalid, Message: fmt.Sprintf("Secret %s: %v", key, err)}
}
