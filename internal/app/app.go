// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	k8slabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel/factory"
	"github.com/usher-dev/usher/internal/labels"
	"github.com/usher-dev/usher/internal/store"
	"github.com/usher-dev/usher/internal/undecodable"
)

// stopTimeout lets running sends finish and record their outcome; it is shorter than a pod's usual grace period.
const stopTimeout = 25 * time.Second

// retryPeriod is the base of client-go's election retry: a replica looks at the lease every 1 to 2.2 periods. A waiting
// replica may notice both the last renewal and the end of the lease that much later. With one second, another replica leads
// less than 5 s after the lease of a killed leader has ended; with client-go's default of two seconds it may take 9 s.
const retryPeriod = time.Second

// pollKeysEvery is how often the token keys are read where no watch says that they have changed.
const pollKeysEvery = 30 * time.Second

// recentAccount is for how long one live read of an Account serves all that ask for it: as long as a quick conversation with a mail server.
const recentAccount = 250 * time.Millisecond

// finishTimeout is for how long a manager that is not the leader any more, since it could not reach the API server, tries to record what it
// knows of its mails before it ends: another one would send them again. A manager that is told to stop has lastTry for that.
const (
	finishTimeout = time.Minute
	lastTry       = 3 * time.Second
)

// Run runs the manager until ctx is done.
func Run(ctx context.Context, o Options) error {
	config, err := loadConfig(o.Kubeconfig)
	if err != nil {
		return err
	}
	mgr, box, err := build(ctx, config, o)
	if err != nil {
		return err
	}
	return run(ctx, mgr, box)
}

// run runs a manager, and gives its mails the time to be recorded once it has stopped, whatever for.
func run(ctx context.Context, mgr interface{ Start(context.Context) error }, box finisher) error {
	err := mgr.Start(ctx)
	timeout := finishTimeout
	if ctx.Err() != nil {
		ctx, timeout = context.WithoutCancel(ctx), lastTry
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	box.Finish(ctx)
	if err != nil {
		return fmt.Errorf("run the manager: %w", err)
	}
	return nil
}

// New builds a manager and does not start it.
func New(ctx context.Context, config *rest.Config, o Options) (manager.Manager, error) {
	mgr, _, err := build(ctx, config, o)
	return mgr, err
}

func build(ctx context.Context, config *rest.Config, o Options) (manager.Manager, finisher, error) {
	if err := o.validate(); err != nil {
		return nil, nil, err
	}
	sender, err := factory.New(o.SMTPAllow)
	if err != nil {
		return nil, nil, fmt.Errorf("--smtp-allow: %w", err)
	}
	config = rest.CopyConfig(config)
	config.QPS = -1 // no client-side limit: the API server's priority and fairness decides
	config.Wrap(undecodable.Transport)
	registry := undecodable.NewRegistry(ctrl.Log.WithName("undecodable"))
	mgr, err := ctrl.NewManager(config, managerOptions(o, registry, nil))
	if err != nil {
		return nil, nil, fmt.Errorf("create the manager: %w", err)
	}
	uncached, err := client.New(config, client.Options{Scheme: mgr.GetScheme(), HTTPClient: mgr.GetHTTPClient(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return nil, nil, fmt.Errorf("create the uncached client: %w", err)
	}
	p := &process{
		Options: o, config: config, mgr: mgr, live: undecodable.NewClient(uncached), sender: sender, registry: registry,
	}
	p.keys = p.newKeys()
	parts, err := p.addParts(ctx)
	warning, failed := addPortal(ctx, mgr, p.live, p.keys, parts.membersAt, o)
	return mgr, parts.finisher, errors.Join(
		err,
		attempt("set up the portal", failed),
		attempt("close mail connections on stop", mgr.Add(closeOnStop(p.sender))),
		attempt("serve the probes", addProbes(mgr, parts.ready, notes{p.undecodable, warning}, o.HealthProbeBindAddress)),
	)
}

// managerOptions returns the options of a manager whose caches have the namespaces that keep reports true for; all if it is nil.
func managerOptions(o Options, registry *undecodable.Registry, keep func(namespace string) bool) ctrl.Options {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, usherv1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err) // cannot happen: the kinds are compiled in
		}
	}
	stop, retry := stopTimeout, retryPeriod
	metrics := metricsserver.Options{
		BindAddress: o.MetricsBindAddress, SecureServing: o.MetricsSecure, TLSOpts: []func(*tls.Config){restrictTLS},
	}
	if o.MetricsSecure {
		metrics.FilterProvider = protectMetrics
	}
	return ctrl.Options{
		Scheme:                        scheme,
		Metrics:                       metrics,
		WebhookServer:                 webhookServer(o),
		HealthProbeBindAddress:        "0", // see addProbes
		PprofBindAddress:              o.PprofBindAddress,
		LeaderElection:                o.LeaderElect && !o.sharded() && !o.NoControllers,
		LeaderElectionID:              "usher.dev",
		LeaderElectionNamespace:       o.Namespace,
		LeaderElectionReleaseOnCancel: true,
		RetryPeriod:                   &retry,
		GracefulShutdownTimeout:       &stop,
		Cache:                         cacheOptions(o, registry, keep),
		NewClient:                     newScopedClient(o.namespaces()),
	}
}

// restrictTLS is for the servers of metrics and webhooks. Without HTTP/2, one connection carries one request at a time, so that a client
// cannot open and reset many at once (CVE-2023-44487, CVE-2023-39325).
func restrictTLS(config *tls.Config) {
	config.MinVersion, config.NextProtos = tls.VersionTLS12, []string{"http/1.1"}
}

// cacheOptions limits the caches to the watched namespaces, and to the default SMTP Secret in the manager's own namespace.
func cacheOptions(o Options, registry *undecodable.Registry, keep func(namespace string) bool) cache.Options {
	// Of all roles and bindings, only Usher's own are cached.
	own := cache.ByObject{Label: k8slabels.SelectorFromSet(k8slabels.Set{labels.ManagedBy: labels.Usher})}
	options := cache.Options{
		DefaultTransform: strip, NewInformer: compactInformer(newInformer(o.relist(), registry, keep)),
		ByObject: map[client.Object]cache.ByObject{&rbacv1.Role{}: own, &rbacv1.RoleBinding{}: own},
	}
	if o.TestHooks.Resync > 0 {
		options.SyncPeriod = &o.TestHooks.Resync
	}
	watched := o.namespaces()
	if len(watched) == 0 {
		return options
	}
	options.DefaultNamespaces = map[string]cache.Config{}
	for _, namespace := range watched {
		options.DefaultNamespaces[namespace] = cache.Config{}
	}
	secrets := map[string]cache.Config{
		o.Namespace: {FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, o.SMTPSecret)},
	}
	for _, namespace := range watched {
		secrets[namespace] = cache.Config{}
	}
	options.ByObject[&corev1.Secret{}] = cache.ByObject{Namespaces: secrets}
	return options
}

// addKeyPolling has the token keys polled by a manager that does not watch its own namespace. Any other hears of their change.
func addKeyPolling(mgr manager.Manager, keys *store.KeyStore, o Options) error {
	watched := o.namespaces()
	if len(watched) == 0 || slices.Contains(watched, o.Namespace) {
		return nil
	}
	every := cmp.Or(o.TestHooks.PollKeys, pollKeysEvery)
	return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error { return keys.Poll(ctx, every) })) //nolint:wrapcheck // see attempt
}

// closeOnStop closes the idle mail connections when the manager stops.
func closeOnStop(sender *factory.Channels) manager.Runnable {
	return manager.RunnableFunc(func(ctx context.Context) error {
		<-ctx.Done()
		sender.Close()
		return nil
	})
}

// cachesSynced returns a check that succeeds once this replica's caches are filled.
func cachesSynced(mgr manager.Manager) healthz.Checker {
	return func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), time.Second)
		defer cancel()
		if !mgr.GetCache().WaitForCacheSync(ctx) {
			return errors.New("the caches are not filled yet")
		}
		return nil
	}
}

func loadConfig(file string) (*rest.Config, error) {
	if file == "" {
		config, err := ctrl.GetConfig()
		if err != nil {
			return nil, fmt.Errorf("load the cluster configuration: %w", err)
		}
		return config, nil
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		return nil, fmt.Errorf("--kubeconfig: %w", err)
	}
	return config, nil
}
