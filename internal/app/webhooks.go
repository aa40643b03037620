// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"crypto/tls"
	"os"
	"path/filepath"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	admissionwebhook "github.com/usher-dev/usher/internal/admission/webhook"
)

// addWebhooks serves the admission webhooks on every replica that has certificates for them. A manager without webhooks
// does all of its work: they only report earlier what its conditions report.
func addWebhooks(mgr manager.Manager, live client.Client, o Options) {
	log := mgr.GetLogger().WithName("webhook")
	if o.WebhookPort == 0 || !o.certificates(log) {
		return
	}
	admissionwebhook.Setup(mgr, live, o.now())
}

// certificates reports whether the webhooks have certificates, and logs what to do if they have none.
func (o *Options) certificates(log logr.Logger) bool {
	for _, file := range []string{"tls.crt", "tls.key"} {
		if _, err := os.Stat(filepath.Join(o.WebhookCertDir, file)); o.WebhookCertDir == "" || err != nil {
			log.Info("the admission webhooks are off: they have no certificate; put tls.crt and tls.key into --webhook-cert-dir and restart, "+
				"or set --webhook-port=0 to turn them off on purpose", "folder", o.WebhookCertDir, "missing", file)
			return false
		}
	}
	return true
}

// webhookServer returns the server of the webhooks; it only starts if a webhook is added. It reloads its certificates
// when they change.
func webhookServer(o Options) webhook.Server {
	return webhook.NewServer(webhook.Options{Port: o.WebhookPort, CertDir: o.WebhookCertDir, TLSOpts: []func(*tls.Config){restrictTLS}})
}
