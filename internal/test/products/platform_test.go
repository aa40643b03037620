// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package products_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/internal/app"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
	"github.com/usher-dev/usher/internal/test/testkit/gate"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// platform is what all customers share: the plans, one manager with its webhooks, a portal with a service account of its own, and a mail
// server.
type platform struct {
	api    client.WithWatch
	sink   *smtpsink.Sink
	clock  clock
	portal string
	cancel context.CancelFunc
	ended  chan error
	// parts is how many processes report their end.
	parts int
}

func startPlatform() (*platform, error) {
	ctx, cancel := context.WithCancel(context.Background())
	p := &platform{cancel: cancel, ended: make(chan error, 2)}
	manager, err := server.AddManager(ctx)
	if err != nil {
		return nil, err
	}
	portal, err := server.AddPortal()
	if err != nil {
		return nil, err
	}
	if p.api, err = client.NewWithWatch(server.Config(), client.Options{Scheme: testkit.Scheme()}); err != nil {
		return nil, err
	}
	if p.sink, err = smtpsink.Start(smtpsink.Options{}); err != nil {
		return nil, err
	}
	if err := p.api.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: apiserver.ManagerNamespace, Name: "usher-smtp"},
		Data:       p.sink.Secret("Acme <no-reply@acme.example>"),
	}); err != nil {
		return nil, err
	}
	folder, err := samples()
	if err != nil {
		return nil, err
	}
	showroom, err := server.Namespace(ctx, "showroom")
	if err != nil {
		return nil, err
	}
	if out, err := kubectl("apply", "--namespace", showroom, "--filename", folder); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	if err := p.aggregate(ctx); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p.portal = "http://" + address
	place, err := gate.New(filepath.Join(server.Dir(), "webhooks"))
	if err != nil {
		return nil, err
	}
	options := app.Options{
		Namespace: apiserver.ManagerNamespace, SMTPSecret: "usher-smtp", TokenSecret: "usher-token-key",
		PortalURL: p.portal, MetricsBindAddress: "0", HealthProbeBindAddress: "0", MailWorkers: 8, SMTPAllow: "127.0.0.0/8:*",
		TestHooks: app.TestHooks{Now: p.clock.Now, Several: true},
	}
	controllers := options
	controllers.NoPortal, controllers.LeaderElect = true, true
	controllers.WebhookPort, controllers.WebhookCertDir = place.Port, place.CertDir
	pages := options
	pages.NoControllers, pages.PortalBindAddress, pages.TrustedProxies = true, address, "127.0.0.0/8"
	for user, o := range map[*apiserver.User]app.Options{manager: controllers, portal: pages} {
		mgr, err := app.New(ctx, user.Config(), o)
		if err != nil {
			return nil, err
		}
		p.parts++
		go func() { p.ended <- mgr.Start(ctx) }()
	}
	return p, p.guard(ctx, place)
}

// guard registers the webhooks and waits until the API server calls them: it learns of them by a watch, and ignores webhooks that do
// not answer yet.
func (p *platform) guard(ctx context.Context, place *gate.Gate) error {
	config, err := place.Configuration()
	if err != nil {
		return err
	}
	if err := p.api.Create(ctx, config); err != nil {
		return err
	}
	namespace, err := server.Namespace(ctx, "guarded")
	if err != nil {
		return err
	}
	ada := testkit.Member("ada").In(namespace).Disabled().Build()
	if err := p.api.Create(ctx, ada); err != nil {
		return err
	}
	return wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		deal := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "deal", Labels: map[string]string{"usher.dev/owner": "ada"}}}
		err := p.api.Create(ctx, deal, client.DryRunAll)
		return apierrors.IsForbidden(err), nil
	})
}

// aggregate gives the manager the rights for which the samples' ClusterRoles are labelled. In a cluster, the controller that aggregates
// ClusterRoles does that.
func (p *platform) aggregate(ctx context.Context) error {
	var roles rbacv1.ClusterRoleList
	if err := p.api.List(ctx, &roles, client.MatchingLabels{"usher.dev/aggregate-to-manager": "true"}); err != nil {
		return err
	}
	for _, role := range roles.Items {
		if err := p.api.Create(ctx, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: role.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "usher", Namespace: apiserver.ManagerNamespace}},
		}); err != nil {
			return err
		}
	}
	return nil
}

// stop stops the manager and the portal, and returns their errors, if any.
func (p *platform) stop() error {
	p.cancel()
	defer p.sink.Close()
	var errs []error
	for range p.parts {
		errs = append(errs, <-p.ended)
	}
	return errors.Join(errs...)
}

// freeAddress of the loopback interface.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// samples is the folder of the plans that Usher ships.
func samples() (string, error) {
	root, err := apiserver.ModuleRoot()
	return filepath.Join(root, "config", "samples", "plans"), err
}

// kubectl runs kubectl as the cluster administrator and returns its output.
func kubectl(args ...string) (string, error) {
	command := exec.Command(server.Program("kubectl"), append([]string{
		"--kubeconfig", server.KubeconfigPath(), "--cache-dir", filepath.Join(server.Dir(), "kubectl-cache"),
	}, args...)...)
	out, err := command.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// clock runs like the wall clock, ahead of it by an offset.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

// Now is the clock of the manager and the portal.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// Step moves the clock forward.
func (c *clock) Step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}
