// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/usher-dev/usher/internal/channel/factory"
	"github.com/usher-dev/usher/internal/controller"
	"github.com/usher-dev/usher/internal/outbox"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
	"github.com/usher-dev/usher/internal/undecodable"
)

// process is what all controllers of a process are made of.
type process struct {
	Options
	config *rest.Config
	mgr    manager.Manager
	live   client.Client
	keys   *store.KeyStore
	sender *factory.Channels

	mu sync.Mutex
	// registry has the undecodable objects in the caches that are used.
	registry *undecodable.Registry
}

// finisher finishes mails.
type finisher interface{ Finish(ctx context.Context) }

// parts are what addControllers adds to a process.
type parts struct {
	finisher finisher
	// ready succeeds once the caches are filled.
	ready healthz.Checker
	// membersAt finds members by their address.
	membersAt func(ctx context.Context, email string) ([]types.NamespacedName, error)
}

// addParts adds the controllers, the webhooks and the endpoint of the links, or what a process without them needs to serve the portal.
func (p *process) addParts(ctx context.Context) (parts, error) {
	if p.NoControllers {
		return p.addPortalOnly()
	}
	added, err := p.addControllers(ctx)
	addWebhooks(p.mgr, p.live, p.Options)
	return added, errors.Join(err, attempt("set up the link endpoint", addLinks(p.mgr, p.live, p.keys, p.Options)))
}

// addControllers adds the controllers of one replica that does everything, or those of one that shares the namespaces with others.
func (p *process) addControllers(ctx context.Context) (parts, error) {
	if p.sharded() {
		return p.addShared()
	}
	if err := store.SetupIndexes(ctx, p.mgr.GetFieldIndexer()); err != nil {
		return parts{}, fmt.Errorf("add the cache indexes: %w", err)
	}
	controllers, box := p.newControllers(p.mgr, p.keys)
	return parts{box, cachesSynced(p.mgr), store.Directory{Reader: p.mgr.GetClient()}.MembersAt}, errors.Join(
		attempt("set up the controllers", controller.Setup(p.mgr, controllers, p.TestHooks.Several)),
		attempt("poll the token keys", addKeyPolling(p.mgr, p.keys, p.Options)),
	)
}

// newControllers returns controllers that read the caches of a manager, and what they send mails with.
func (p *process) newControllers(mgr manager.Manager, keys *store.KeyStore) ([]reconciler.Controller, *outbox.Outbox) {
	base := reconciler.Base{
		Client: undecodable.NewClient(mgr.GetClient()), Live: p.live, Accounts: &store.RecentAccounts{Live: p.live, For: recentAccount},
		Recorder: p.mgr.GetEventRecorder("usher"), Now: p.now(),
	}
	defaultSecret := types.NamespacedName{Namespace: p.Namespace, Name: p.SMTPSecret}
	endpoints := outbox.NewEndpoints(p.live, factory.Parse, defaultSecret, p.MailWorkers)
	endpoints.Quota = p.MailQuota
	box := &outbox.Outbox{
		Client: base.Client, Live: base.Live, Now: base.Now, Channel: p.sender, Backoff: outbox.RecordBackoff, TenantWording: p.TenantWording,
		Endpoints: endpoints,
	}
	return controller.All(controller.Dependencies{
		Base: base, Outbox: box, Keys: keys, PortalURL: p.PortalURL, UserPrefix: p.UserPrefix, MailWorkers: p.MailWorkers,
	}), box
}

func (p *process) newKeys() *store.KeyStore {
	keys := &store.KeyStore{Reader: p.live, Now: p.now(), Secret: types.NamespacedName{Namespace: p.Namespace, Name: p.TokenSecret}}
	if !p.NoControllers {
		keys.Writer = p.live
	}
	return keys
}

// undecodable returns the objects in the caches that cannot be decoded.
func (p *process) undecodable() []*undecodable.Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.registry.List()
}

// attempt adds what was attempted to an error; nil stays nil.
func attempt(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
