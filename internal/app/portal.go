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

	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/usher-dev/usher/internal/controller"
	"github.com/usher-dev/usher/internal/portal"
	"github.com/usher-dev/usher/internal/portal/web"
)

// Files of --portal-cert-dir, named as in a Secret of type kubernetes.io/tls.
const (
	certFile = "tls.crt"
	keyFile  = "tls.key"
)

func addPortal(ctx context.Context, mgr manager.Manager, live client.Client, keys *controller.Keyring, o Options) error {
	if o.PortalBindAddress == "0" {
		return nil
	}
	proxies, err := web.ParseProxies(o.TrustedProxies)
	if err != nil {
		return fmt.Errorf("--trusted-proxies: %w", err)
	}
	listener, err := tlsListener(ctx, mgr, o)
	if err != nil {
		return err
	}
	// As the server that it is, it starts before the caches do and stops after them: a replica that is ready answers links.
	return mgr.Add(portal.New(portal.Options{
		Client: live, Keys: keys.Get, Namespaces: o.namespaces(), Now: o.now(),
		MembersAt: controller.Directory{Reader: mgr.GetClient()}.MembersAt, Secure: strings.HasPrefix(o.PortalURL, "https:"),
		BindAddress: o.PortalBindAddress, Listener: listener, TLS: listener != nil, Proxies: proxies,
		Log: mgr.GetLogger().WithName("portal"),
	}).Server())
}

// tlsListener listens for TLS with the certificate as it is at the moment; nil if there is to be none.
func tlsListener(ctx context.Context, mgr manager.Manager, o Options) (net.Listener, error) {
	if o.PortalCertDir == "" {
		return nil, nil
	}
	certificate, err := certwatcher.New(filepath.Join(o.PortalCertDir, certFile), filepath.Join(o.PortalCertDir, keyFile))
	if err != nil {
		return nil, fmt.Errorf("--portal-cert-dir must hold %s and %s that belong together: %w", certFile, keyFile, err)
	}
	if err := mgr.Add(certificate); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.PortalBindAddress)
	if err != nil {
		return nil, fmt.Errorf("--portal-bind-address: %w", err)
	}
	// HTTP/2 would let one connection carry many requests, past the limit of connections.
	return tls.NewListener(listener, &tls.Config{
		MinVersion: tls.VersionTLS12, GetCertificate: certificate.GetCertificate, NextProtos: []string{"http/1.1"},
	}), nil
}
