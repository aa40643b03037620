// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"os"
	"path/filepath"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	admissionwebhook "github.com/usher-dev/usher/internal/admission/webhook"
)

// addWebhooks serves the admission webhooks on every replica, where there are certificates to serve them with. A manager without
// does all of its work: the webhooks only say earlier what its conditions say.
func addWebhooks(mgr manager.Manager, live client.Client, o Options) {
	log := mgr.GetLogger().WithName("webhook")
	if o.WebhookPort == 0 || !o.certificates(log) {
		return
	}
	admissionwebhook.Setup(mgr, live, o.now())
}

// certificates tells whether there are any, and what to do if not.
func (o *Options) certificates(log logr.Logger) bool {
	for _, file := range []string{"tls.crt", "tls.key"} {
		if _, err := os.Stat(filepath.Join(o.WebhookCertDir, file)); o.WebhookCertDir == "" || err != nil {
			log.Info("the admission webhooks are off: put their certificate's tls.crt and tls.key into --webhook-cert-dir and restart, "+
				"or set --webhook-port=0 to say that none are wanted", "folder", o.WebhookCertDir, "missing", file)
			return false
		}
	}
	return true
}

// webhookServer listens where the webhooks are to be; it is only started if any are added to it. It reads its certificates again when
// they change.
func webhookServer(o Options) webhook.Server {
	return webhook.NewServer(webhook.Options{Port: o.WebhookPort, CertDir: o.WebhookCertDir})
}
