// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove_test

import (
	"context"
	"net/http"
	"sync/atomic"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"

	"github.com/usher-dev/usher/internal/app"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// operator is a running manager, as cmd/manager runs it.
type operator struct {
	wire   *testkit.Wire
	cancel context.CancelFunc
	done   chan struct{}
	err    error
	killed atomic.Bool
	// lease is the name of its Lease, if it shares the namespaces and noteLease was called.
	lease atomic.Pointer[string]
}

// managerOptions are what a harness may change about a manager.
type managerOptions struct {
	app.Options
	wire *testkit.Wire
	// wrap wraps the manager's transport, between the wire and the API server, for mutants.
	wrap transport.WrapperFunc
}

// start runs a manager in the world's namespace, in place of the previous one.
func (w *world) start() *operator {
	o := w.startAnother()
	w.op = o
	return o
}

// startAnother runs one more manager.
func (w *world) startAnother(change ...func(*managerOptions)) *operator {
	options := managerOptions{wire: testkit.NewWire(), Options: app.Options{
		Namespace: w.namespace, WatchNamespaces: w.namespace,
		SMTPSecret: smtpSecret, TokenSecret: tokenSecret, PortalURL: portalURL,
		PortalBindAddress: "0", MetricsBindAddress: "0", HealthProbeBindAddress: "0", MailWorkers: 8, TenantWording: true,
		TestHooks: app.TestHooks{Now: w.clock.Now, Several: true},
	}}
	for _, c := range append(append([]func(*managerOptions){}, w.options...), change...) {
		c(&options)
	}
	options.wire.Watches("plans").Only(func(name string) bool { // other runs have plans of their own
		return name == w.namespace || name == w.namespace+starter
	})
	o := &operator{wire: options.wire, done: make(chan struct{})}
	var config *rest.Config
	if options.wrap != nil {
		config = managerUser.Config()
		config.Wrap(options.wrap)
		config = o.wire.Attach(config)
	} else {
		config = o.wire.Attach(managerUser.Config())
	}
	ctx, cancel := context.WithCancel(context.Background())
	o.cancel = cancel
	mgr, err := app.New(ctx, config, options.Options)
	w.must(err, "create a manager")
	go func() {
		defer close(o.done)
		o.err = mgr.Start(ctx)
	}()
	w.ops = append(w.ops, o)
	return o
}

// halt stops all managers and waits until they have stopped.
func (w *world) halt() {
	for _, o := range w.ops {
		o.cancel()
	}
	for _, o := range w.ops {
		<-o.done
	}
	w.ops = nil
}

// die keeps all further calls of the manager from the API server, as if the manager had been killed. Calls fail with 404, so that they
// are not retried. A conversation with a mail server may still end normally, as if the manager had been killed a moment later.
func (o *operator) die() {
	o.wire.Heal()
	o.wire.When(func(testkit.Call) bool { return true }, testkit.Status(http.StatusNotFound, 0))
	o.cancel()
	o.killed.Store(true)
}

// kill ends the manager without letting it finish anything.
func (w *world) kill() {
	w.op.die()
	w.halt()
	w.op = nil
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return r(req) }
