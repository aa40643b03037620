// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/usher-dev/usher/internal/controller"
	"github.com/usher-dev/usher/internal/outbox"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/replica"
	"github.com/usher-dev/usher/internal/shard"
	"github.com/usher-dev/usher/internal/store"
	"github.com/usher-dev/usher/internal/undecodable"
)

// engine is the controllers of one division, with caches that have this replica's share of the namespaces from the first list to the end.
// For another division there is another engine. So no cache ever has a namespace in part, and what leaves a replica's share is never taken
// for deleted.
type engine struct {
	division shard.Division
	self     string
	gate     *replica.Gate
	mgr      manager.Manager
	box      *outbox.Outbox
	registry *undecodable.Registry
	// endCaches ends the caches, cancel the controllers, whose context is running. done is closed when those have ended, with err, and
	// finished when their mails are recorded, after stop.
	endCaches, cancel context.CancelFunc
	running           context.Context //nolint:containedctx // of the controllers: it tells who ended them
	done, finished    chan struct{}
	err               error
}

var _ reconciler.Gate = &engine{}

// Has implements reconciler.Gate.
func (e *engine) Has(namespace string) bool { return e.division.Owns(e.self, namespace) }

// Enter implements reconciler.Gate.
func (e *engine) Enter(namespace string) (end func(), open bool) { return e.gate.Enter(namespace) }

// startedCache is a cache that runs already.
type startedCache struct{ cache.Cache }

// Start implements manager.Runnable.
func (startedCache) Start(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// prepare returns an engine whose caches are filled. Its controllers do not run yet.
func (p *process) prepare(ctx context.Context, division shard.Division, self string, gate *replica.Gate) (*engine, error) {
	e := &engine{
		division: division, self: self, gate: gate, done: make(chan struct{}), finished: make(chan struct{}),
		registry: undecodable.NewRegistry(ctrl.Log.WithName("undecodable")),
	}
	// Of the manager's own namespace, every replica has what the mails and links of all namespaces are made with.
	options := managerOptions(p.Options, e.registry, func(namespace string) bool { return namespace == p.Namespace || e.Has(namespace) })
	options.Metrics.BindAddress, options.WebhookServer = "0", nil
	options.Client.HTTPClient, options.Cache.HTTPClient = p.mgr.GetHTTPClient(), p.mgr.GetHTTPClient()
	options.MapperProvider = func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return p.mgr.GetRESTMapper(), nil }
	var caches cache.Cache
	options.NewCache = func(config *rest.Config, options cache.Options) (cache.Cache, error) {
		made, err := cache.New(config, options)
		caches = made
		return startedCache{made}, err //nolint:wrapcheck // see below
	}
	mgr, err := ctrl.NewManager(p.config, options)
	if err != nil {
		return nil, fmt.Errorf("create the manager of a share: %w", err)
	}
	if err := store.SetupIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return nil, fmt.Errorf("add the cache indexes: %w", err)
	}
	keys := p.newKeys()
	keys.OnChange(func(context.Context) { p.keys.Forget() })
	controllers, box := p.newControllers(mgr, keys)
	box.Endpoints.Sharing = division.Size()
	for i := range controllers {
		controllers[i].Reconciler = controllers[i].Gated(e)
	}
	if err := errors.Join(
		attempt("set up the controllers", controller.Setup(mgr, controllers, true)),
		attempt("poll the token keys", addKeyPolling(mgr, keys, p.Options)),
	); err != nil {
		return nil, err
	}
	e.mgr, e.box = mgr, box
	return e, e.fill(ctx, caches, controllers)
}

// fill starts the caches and waits until they are filled.
func (e *engine) fill(ctx context.Context, caches cache.Cache, controllers []reconciler.Controller) error {
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	e.endCaches = end
	go func() {
		if err := caches.Start(running); err != nil {
			ctrl.Log.Error(err, "the caches of a share ended")
		}
	}()
	for _, object := range controller.Cached(controllers) {
		if _, err := caches.GetInformer(ctx, object, cache.BlockUntilSynced(false)); err != nil {
			end()
			return fmt.Errorf("start a cache: %w", err)
		}
	}
	if !caches.WaitForCacheSync(ctx) {
		end()
		return fmt.Errorf("fill the caches: %w", context.Cause(ctx))
	}
	return nil
}

// start starts the controllers.
func (e *engine) start(ctx context.Context) {
	e.running, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(e.done)
		e.err = e.mgr.Start(e.running)
	}()
}

// drop ends the caches of an engine whose controllers do not run.
func (e *engine) drop() {
	e.endCaches()
	e.registry.Close()
}

// stop tells the controllers to end, and waits until they have, but no longer than timeout: a mail may take minutes. What is left goes on
// to its end, and is recorded.
func (e *engine) stop(timeout time.Duration) {
	e.cancel()
	go func() {
		defer close(e.finished)
		<-e.done
		ctx, cancel := context.WithTimeout(context.Background(), finishTimeout)
		defer cancel()
		e.box.Finish(ctx)
		e.drop()
	}()
	select {
	case <-e.done:
	case <-time.After(timeout):
	}
}
