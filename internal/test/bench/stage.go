// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

const (
	smtpSecret  = "usher-smtp"
	tokenSecret = "usher-token-key"
	sender      = "Acme <no-reply@acme.example>"
)

// stage is a control plane and a mail server for one measurement.
type stage struct {
	Options
	server *apiserver.Server
	sink   *smtpsink.Sink
	api    client.Client
	// admin is for paths that belong to no API group, such as /metrics.
	admin rest.Interface
	// kubeconfig is the manager's, portalKubeconfig that of a portal in a process of its own.
	kubeconfig, portalKubeconfig string
	managers                     int
}

// set is how a stage differs from the usual one.
type set struct {
	fsync bool
	smtp  smtpsink.Script
}

// open starts a stage. The caller must close it.
func open(ctx context.Context, o Options, s set) (_ *stage, err error) {
	st := &stage{Options: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, st.close())
		}
	}()
	if st.server, err = apiserver.Start(ctx, apiserver.Options{Fsync: s.fsync, Profiling: true}); err != nil {
		return nil, err
	}
	if st.sink, err = smtpsink.Start(smtpsink.Options{Script: s.smtp}); err != nil {
		return nil, err
	}
	if st.api, err = client.New(st.server.Config(), client.Options{Scheme: testkit.Scheme()}); err != nil {
		return nil, err
	}
	clients, err := kubernetes.NewForConfig(st.server.Config())
	if err != nil {
		return nil, err
	}
	st.admin = clients.Discovery().RESTClient()
	user, err := st.server.AddManager(ctx)
	if err != nil {
		return nil, err
	}
	portal, err := st.server.AddPortal()
	if err != nil {
		return nil, err
	}
	st.kubeconfig = filepath.Join(st.server.Dir(), "manager.kubeconfig")
	st.portalKubeconfig = filepath.Join(st.server.Dir(), "portal.kubeconfig")
	for path, user := range map[string]*apiserver.User{st.kubeconfig: user, st.portalKubeconfig: portal} {
		if err := os.WriteFile(path, user.Kubeconfig(), 0o600); err != nil {
			return nil, err
		}
	}
	return st, st.api.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: apiserver.ManagerNamespace, Name: smtpSecret}, Data: st.sink.Secret(sender),
	})
}

func (s *stage) close() error {
	if s.sink != nil {
		s.sink.Close()
	}
	if s.server == nil {
		return nil
	}
	return s.server.Stop()
}

// on runs a measurement on a stage of its own.
func on(ctx context.Context, o Options, s set, measure func(*stage) error) error {
	st, err := open(ctx, o, s)
	if err != nil {
		return err
	}
	return errors.Join(measure(st), st.close())
}

// reading is what the programs' metrics say at one moment.
type reading struct {
	at    time.Time
	calls calls
	// The processor time that each has used; manager is that of all managers.
	server, manager, etcd time.Duration
}

// read reads the metrics.
func (s *stage) read(ctx context.Context, managers ...*manager) (reading, error) {
	text, err := s.admin.Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return reading{}, fmt.Errorf("read the API server's metrics: %w", err)
	}
	samples, err := parseMetrics(text, requestTotal, cpuSeconds)
	if err != nil {
		return reading{}, err
	}
	r := reading{at: time.Now(), calls: callsOf(samples), server: seconds(sum(samples, cpuSeconds))}
	if text, err = get(ctx, s.server.Etcd()+"/metrics"); err != nil {
		return reading{}, fmt.Errorf("read etcd's metrics: %w", err)
	}
	if samples, err = parseMetrics(text, cpuSeconds); err != nil {
		return reading{}, err
	}
	r.etcd = seconds(sum(samples, cpuSeconds))
	for _, m := range managers {
		samples, err := m.metrics(ctx, cpuSeconds)
		if err != nil {
			return reading{}, err
		}
		r.manager += seconds(sum(samples, cpuSeconds))
	}
	return r, nil
}

// since returns what has happened since an earlier reading.
func (r reading) since(before reading) reading {
	return reading{
		at: r.at, calls: r.calls.minus(before.calls),
		server: r.server - before.server, manager: r.manager - before.manager, etcd: r.etcd - before.etcd,
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
