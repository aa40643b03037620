// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"net/http"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/usher-dev/usher/internal/links"
	"github.com/usher-dev/usher/internal/store"
)

// addLinks serves links on the metrics server: over HTTPS only, and on every replica.
func addLinks(mgr manager.Manager, live client.Client, keys *store.KeyStore, o Options) error {
	if !o.MetricsSecure || o.MetricsBindAddress == "0" {
		return nil
	}
	handlers := links.New(links.Options{
		Client: live, Keys: keys.Get, PortalURL: o.PortalURL, Namespaces: o.namespaces(), Now: o.now(),
		Log: mgr.GetLogger().WithName("links"),
	})
	for path, handler := range handlers {
		if err := mgr.AddMetricsServerExtraHandler(path, handler); err != nil {
			return fmt.Errorf("add a handler to the metrics server: %w", err)
		}
	}
	return nil
}

// protectMetrics requires the right to the path for everything that the metrics server serves, except for links: those
// require the right to the one object.
func protectMetrics(config *rest.Config, client *http.Client) (metricsserver.Filter, error) {
	protect, err := filters.WithAuthenticationAndAuthorization(config, client)
	if err != nil {
		return nil, fmt.Errorf("protect the metrics: %w", err)
	}
	return func(log logr.Logger, handler http.Handler) (http.Handler, error) {
		if _, protected := handler.(*links.Handler); protected {
			return handler, nil
		}
		return protect(log, handler)
	}, nil
}
