// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	// refused counts requests that came too often. What is page, form or read.
	refused = register(prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_portal_refused_total",
		Help: "Requests of the portal that were refused because too many came: pages and forms of one client, and reads of all.",
	}, []string{"what"}))
	// unknownForwarders counts requests with X-Forwarded-For whose sender is no trusted proxy.
	unknownForwarders = register(prometheus.NewCounter(prometheus.CounterOpts{
		Name: "usher_portal_untrusted_forwarded_total",
		Help: "Requests with X-Forwarded-For from senders that --trusted-proxies does not name. " +
			"If they are your proxy, its visitors are counted as one.",
	}))
)

func register[C prometheus.Collector](collector C) C {
	metrics.Registry.MustRegister(collector)
	return collector
}
