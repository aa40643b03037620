// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	k8slabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
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
	"github.com/usher-dev/usher/internal/controller"
	"github.com/usher-dev/usher/internal/labels"
	"github.com/usher-dev/usher/internal/channel/factory"
)

// stopTimeout lets mails that are being sent finish, and their outcome be recorded; it is within a pod's usual grace period.
const stopTimeout = 25 * time.Second

// retryPeriod is how often a replica looks at the lease: after up to 2.2 of these, says client-go's jitter. One that waits may see the
// last renewal, and then the end of the lease, that much late each. With a second, another leads less than 5 s after the lease of
// one that was killed has ended; with client-go's default of two it may be 9 s.
const retryPeriod = time.Second

// Run runs the manager until ctx is done.
func Run(ctx context.Context, o Options) error {
	config, err := loadConfig(o.Kubeconfig)
	if err != nil {
		return err
	}
	mgr, err := New(ctx, config, o)
	if err != nil {
		return err
	}
	return mgr.Start(ctx)
}

// New builds a manager that has not started yet.
func New(ctx context.Context, config *rest.Config, o Options) (manager.Manager, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.QPS = -1 // the API server's priority and fairness says when to slow down
	mgr, err := ctrl.NewManager(config, managerOptions(o))
	if err != nil {
		return nil, err
	}
	if err := controller.SetupIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return nil, err
	}
	live, err := client.New(config, client.Options{Scheme: mgr.GetScheme(), HTTPClient: mgr.GetHTTPClient(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return nil, err
	}
	keys := &controller.Keyring{
		Reader: live, Writer: live, Now: o.now(),
		Secret: types.NamespacedName{Namespace: o.Namespace, Name: o.TokenSecret},
	}
	servers := controller.NewMailServers(live, types.NamespacedName{Namespace: o.Namespace, Name: o.SMTPSecret}, o.MailWorkers)
	sender := factory.New()
	parts := controller.Parts{
		Environment: controller.Environment{
			Client: mgr.GetClient(), Live: live, Recorder: mgr.GetEventRecorder("usher"), Now: o.now(),
		},
		Sender: sender, Servers: servers, Keys: keys,
		PortalURL: o.PortalURL, UserPrefix: o.UserPrefix, MailWorkers: o.MailWorkers, SkipNameValidation: o.Seams.Several,
	}
	addWebhooks(mgr, live, o)
	return mgr, errors.Join(
		controller.Setup(mgr, parts),
		addPortal(ctx, mgr, live, keys, o),
		addLinks(mgr, live, keys, o),
		mgr.Add(hangingUp(sender)),
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddReadyzCheck("caches", cachesSynced(mgr)),
	)
}

func managerOptions(o Options) ctrl.Options {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, usherv1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err) // the same at every start: a mistake in the code
		}
	}
	stop, retry := stopTimeout, retryPeriod
	metrics := metricsserver.Options{BindAddress: o.MetricsBindAddress, SecureServing: o.MetricsSecure}
	if o.MetricsSecure {
		metrics.FilterProvider = protectMetrics
	}
	return ctrl.Options{
		Scheme:                        scheme,
		Metrics:                       metrics,
		WebhookServer:                 webhookServer(o),
		HealthProbeBindAddress:        o.HealthProbeBindAddress,
		LeaderElection:                o.LeaderElect,
		LeaderElectionID:              "usher.dev",
		LeaderElectionNamespace:       o.Namespace,
		LeaderElectionReleaseOnCancel: true,
		RetryPeriod:                   &retry,
		GracefulShutdownTimeout:       &stop,
		Cache:                         cacheOptions(o),
	}
}

// cacheOptions watch the namespaces that were asked for, and Secrets also in the manager's own, where the default SMTP Secret is.
func cacheOptions(o Options) cache.Options {
	relist := o.Seams.Relist
	if relist == 0 {
		relist = relistEvery
	}
	// Of all roles and bindings, Usher's own.
	own := cache.ByObject{Label: k8slabels.SelectorFromSet(k8slabels.Set{labels.ManagedBy: labels.Usher})}
	options := cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(), NewInformer: newInformer(relist),
		ByObject: map[client.Object]cache.ByObject{&rbacv1.Role{}: own, &rbacv1.RoleBinding{}: own},
	}
	if o.Seams.Resync > 0 {
		options.SyncPeriod = &o.Seams.Resync
	}
	watched := o.namespaces()
	if len(watched) == 0 {
		return options
	}
	options.DefaultNamespaces = map[string]cache.Config{}
	for _, namespace := range watched {
		options.DefaultNamespaces[namespace] = cache.Config{}
	}
	secrets := map[string]cache.Config{}
	for _, namespace := range slices.Concat(watched, []string{o.Namespace}) {
		secrets[namespace] = cache.Config{}
	}
	options.ByObject[&corev1.Secret{}] = cache.ByObject{Namespaces: secrets}
	return options
}

// hangingUp closes the mail conversations that are kept open when the manager stops.
func hangingUp(sender *factory.Channels) manager.Runnable {
	return manager.RunnableFunc(func(ctx context.Context) error {
		<-ctx.Done()
		sender.Close()
		return nil
	})
}

// cachesSynced is ready once this replica has seen every object.
func cachesSynced(mgr manager.Manager) healthz.Checker {
	return func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), time.Second)
		defer cancel()
		if !mgr.GetCache().WaitForCacheSync(ctx) {
			return errors.New("the caches are not complete yet")
		}
		return nil
	}
}

func loadConfig(file string) (*rest.Config, error) {
	if file == "" {
		return ctrl.GetConfig()
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		return nil, fmt.Errorf("--kubeconfig: %w", err)
	}
	return config, nil
}
