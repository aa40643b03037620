// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/usher-dev/usher/internal/portal"
	"github.com/usher-dev/usher/internal/portal/web"
	"github.com/usher-dev/usher/internal/store"
)

// Files of --portal-cert-dir, named as in a Secret of type kubernetes.io/tls.
const (
	certFile = "tls.crt"
	keyFile  = "tls.key"
)

// addPortal adds the portal to a manager. warning returns what an operator should know of how it is reached; empty if there is nothing.
func addPortal(
	ctx context.Context, mgr manager.Manager, live client.Client, keys *store.KeyStore,
	membersAt func(ctx context.Context, email string) ([]types.NamespacedName, error), o Options,
) (warning func() string, err error) {
	none := func() string { return "" }
	if !o.servesPortal() {
		return none, nil
	}
	proxies, err := web.ParseProxies(o.TrustedProxies)
	if err != nil {
		return none, fmt.Errorf("--trusted-proxies: %w", err)
	}
	listener, err := tlsListener(ctx, mgr, o)
	if err != nil {
		return none, err
	}
	pages := portal.New(portal.Options{
		Client: live, Keys: keys.Get, Namespaces: o.namespaces(), Now: o.now(),
		MembersAt: membersAt, Secure: strings.HasPrefix(o.PortalURL, "https:"),
		BindAddress: o.PortalBindAddress, Listener: listener, TLS: listener != nil, Proxies: proxies,
		Log: mgr.GetLogger().WithName("portal"),
	})
	// The manager starts HTTP servers before the caches and stops them after the caches: a ready replica answers links.
	return pages.Warning, attempt("add the server to the manager", mgr.Add(pages.Server()))
}

// tlsListener returns a listener for TLS that always uses the current certificate, or nil if none is configured.
func tlsListener(ctx context.Context, mgr manager.Manager, o Options) (net.Listener, error) {
	if o.PortalCertDir == "" {
		return nil, nil
	}
	certificate, err := certwatcher.New(filepath.Join(o.PortalCertDir, certFile), filepath.Join(o.PortalCertDir, keyFile))
	if err != nil {
		return nil, fmt.Errorf("--portal-cert-dir must hold %s and %s that belong together: %w", certFile, keyFile, err)
	}
	if err := mgr.Add(certificate); err != nil {
		return nil, fmt.Errorf("watch the portal's certificate: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.PortalBindAddress)
	if err != nil {
		return nil, fmt.Errorf("--portal-bind-address: %w", err)
	}
	// With HTTP/2, one connection carries many requests, which bypasses the limit on connections.
	return tls.NewListener(listener, &tls.Config{
		MinVersion: tls.VersionTLS12, GetCertificate: certificate.GetCertificate, NextProtos: []string{"http/1.1"},
	}), nil
}
