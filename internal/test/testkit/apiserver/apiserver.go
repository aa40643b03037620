// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package apiserver runs a real etcd and kube-apiserver with Usher's CRDs, for tests and for the demo.
//
// The API server is real: validation, defaulting, CEL, RBAC, field selectors, optimistic locking, server-side apply. There is no
// kube-controller-manager: nothing is garbage-collected by owner reference, and a deleted namespace stays Terminating. Create a
// namespace for every test instead.
package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// startTimeout is for a slow and busy machine; on two cores, a start usually takes 4 s.
const startTimeout = 90 * time.Second

// stopTimeout is how long each program may take to end before it is killed.
const stopTimeout = 20 * time.Second

// Options of a Server. The zero value is a bare control plane with Usher's CRDs.
type Options struct {
	// Dir is the folder for the data, logs, kubeconfig and audit log; those of an earlier server are replaced.
	// Default: a new temporary folder, which Stop removes.
	Dir string
	// CRDs are files or folders to install. Default: config/crd/bases of the module.
	CRDs []string
	// Audit keeps a log of every mutating request; see Server.Audit. Default: none.
	Audit bool
	// Readers are users whose reads are in the log, too; see AuditLog.Requests. Default: none.
	Readers []string
	// Plugins are admission plugins to turn on besides the default ones.
	Plugins []string
	// Profiling has the API server serve Go's profiles below /debug/pprof/, for measurements. Default: it does not.
	Profiling bool
	// Fsync makes etcd sync its writes to the disk, for measurements. Default: it does not.
	Fsync bool
}

// Server is a running control plane.
type Server struct {
	env    *envtest.Environment
	leash  *leash
	admin  *User
	audit  *AuditLog
	dir    string
	assets string
	ownDir bool
	logs   []io.Closer
	stop   func() error
}

// Start starts etcd and kube-apiserver on free local ports and installs the CRDs; it returns when they can be used. Cancelling
// ctx aborts an unfinished start. The servers end with Stop, or with this process, however that ends.
func Start(ctx context.Context, o Options) (_ *Server, err error) {
	s := &Server{}
	s.stop = sync.OnceValue(s.shutDown)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	if err := s.prepare(o); err != nil {
		return nil, fmt.Errorf("prepare a control plane: %w", err)
	}

	pullLeash := context.AfterFunc(ctx, s.leash.pull)
	_, err = s.env.Start()
	if !pullLeash() {
		return nil, fmt.Errorf("start a control plane: %w", context.Cause(ctx))
	}
	if err != nil {
		return nil, fmt.Errorf("start a control plane: %w\n%s", err, s.lastWords())
	}

	if s.admin, err = s.AddUser("admin", "system:masters"); err != nil {
		return nil, err
	}
	return s, os.WriteFile(s.KubeconfigPath(), s.admin.Kubeconfig(), 0o600)
}

// prepare sets everything up before the start.
func (s *Server) prepare(o Options) (err error) {
	if s.assets, err = Assets(); err != nil {
		return err
	}
	if len(o.CRDs) == 0 {
		root, err := ModuleRoot()
		if err != nil {
			return err
		}
		o.CRDs = []string{filepath.Join(root, "config", "crd", "bases")}
	}
	for _, path := range o.CRDs {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("CRDs to install: %w", err)
		}
	}
	if s.dir, s.ownDir = o.Dir, o.Dir == ""; s.ownDir {
		if s.dir, err = os.MkdirTemp("", "usher-apiserver-"); err != nil {
			return err
		}
	}
	for _, part := range []string{"bin", "etcd", "certs", "audit.log"} {
		if err := os.RemoveAll(filepath.Join(s.dir, part)); err != nil {
			return err
		}
	}
	for _, part := range []string{"bin", "etcd", "certs"} {
		if err := os.MkdirAll(filepath.Join(s.dir, part), 0o700); err != nil {
			return err
		}
	}
	if s.leash, err = newLeash(filepath.Join(s.dir, "bin")); err != nil {
		return err
	}

	s.env = &envtest.Environment{
		UseExistingCluster:       new(bool), // never use an existing cluster, even if the environment says so
		BinaryAssetsDirectory:    s.assets,
		CRDDirectoryPaths:        o.CRDs,
		ControlPlaneStartTimeout: startTimeout,
		ControlPlaneStopTimeout:  stopTimeout,
	}
	s.env.ControlPlane.KubectlPath = s.Program("kubectl")
	if err := s.prepareEtcd(o.Fsync); err != nil {
		return err
	}
	return s.prepareAPIServer(o)
}

func (s *Server) prepareEtcd(fsync bool) (err error) {
	etcd := &envtest.Etcd{DataDir: filepath.Join(s.dir, "etcd")}
	if etcd.Path, err = s.leash.wrap(s.Program("etcd")); err != nil {
		return err
	}
	if etcd.Err, err = s.log("etcd.log"); err != nil {
		return err
	}
	etcd.Out = etcd.Err
	// As the only member, etcd need not wait for others before it elects itself: this saves a second.
	// With a full pool of 10,000 seats, each version of its ledger has half a megabyte: the default quota of 2 GiB is soon used up.
	args := etcd.Configure().Set("heartbeat-interval", "20").Set("election-timeout", "200").Set("log-level", "warn").
		Set("quota-backend-bytes", "8589934592")
	if fsync {
		args.Disable("unsafe-no-fsync") // envtest's default
	}
	s.env.ControlPlane.Etcd = etcd
	return nil
}

func (s *Server) prepareAPIServer(o Options) (err error) {
	server := s.env.ControlPlane.GetAPIServer()
	server.CertDir = filepath.Join(s.dir, "certs")
	if server.Path, err = s.leash.wrap(s.Program("kube-apiserver")); err != nil {
		return err
	}
	if server.Err, err = s.log("kube-apiserver.log"); err != nil {
		return err
	}
	server.Out = server.Err
	args := server.Configure().Set("profiling", strconv.FormatBool(o.Profiling))
	if len(o.Plugins) > 0 {
		args.Set("enable-admission-plugins", strings.Join(o.Plugins, ","))
	}
	if o.Audit {
		s.audit = &AuditLog{path: filepath.Join(s.dir, "audit.log")}
		return s.audit.configure(args, filepath.Join(s.dir, "audit-policy.yaml"), o.Readers)
	}
	return nil
}

// Config returns the administrator's client configuration, without client-side rate limits. Every call returns a copy.
func (s *Server) Config() *rest.Config { return s.admin.Config() }

// Kubeconfig returns the content of the administrator's kubeconfig file.
func (s *Server) Kubeconfig() []byte { return s.admin.Kubeconfig() }

// KubeconfigPath returns the path of the administrator's kubeconfig file.
func (s *Server) KubeconfigPath() string { return filepath.Join(s.dir, "kubeconfig") }

// Dir returns the server's folder. A test may keep its own files in it. Stop removes it, unless Options named it.
func (s *Server) Dir() string { return s.dir }

// Etcd returns the base URL of etcd's HTTP server: /metrics, and its API as JSON below /v3/.
func (s *Server) Etcd() string { return s.env.ControlPlane.Etcd.URL.String() }

// Program returns the path of etcd, kube-apiserver or kubectl.
func (s *Server) Program(name string) string { return filepath.Join(s.assets, name) }

// Audit returns the log of mutating requests; nil if Options did not ask for it.
func (s *Server) Audit() *AuditLog { return s.audit }

// Stop stops both servers, waits until they have ended and removes their files. Later calls return the result of the first.
func (s *Server) Stop() error { return s.stop() }

func (s *Server) shutDown() error {
	var errs []error
	if s.env != nil {
		errs = append(errs, s.env.Stop())
	}
	if s.leash != nil {
		s.leash.pull()
	}
	for _, log := range s.logs {
		errs = append(errs, log.Close())
	}
	if s.ownDir && s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}
