// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package app builds the manager from its options: a readable list of parts.
package app

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"
)

// Options are the manager's flags.
type Options struct {
	// Kubeconfig file; empty for in-cluster, $KUBECONFIG or the default file.
	Kubeconfig string
	// Namespace of the manager's own Secrets and of its lease.
	Namespace string
	// WatchNamespaces, comma-separated; empty for all.
	WatchNamespaces string
	// SMTPSecret is the default SMTP Secret, in Namespace.
	SMTPSecret string
	// TokenSecret holds the keys that links are made with, in Namespace.
	TokenSecret string
	// PortalURL is the public base URL of the links; empty sends nothing.
	PortalURL string
	// PortalBindAddress, MetricsBindAddress and HealthProbeBindAddress to listen on; "0" turns one off.
	PortalBindAddress, MetricsBindAddress, HealthProbeBindAddress string
	// PortalCertDir holds tls.crt and tls.key, which the portal then serves HTTPS with; empty for HTTP.
	PortalCertDir string
	// TrustedProxies, comma-separated networks, whose X-Forwarded-For is believed; empty for none.
	TrustedProxies string
	// MetricsSecure serves metrics over HTTPS to who may read them.
	MetricsSecure bool
	// LeaderElect lets one replica work at a time; the portal runs on every one.
	LeaderElect bool
	// UserPrefix is the cluster's OIDC username prefix; empty for none.
	UserPrefix string
	// WebhookPort of the admission webhooks; 0 turns them off. WebhookCertDir has their tls.crt and tls.key; empty for none.
	WebhookPort    int
	WebhookCertDir string
	// MailWorkers is how many SMTP conversations run at once.
	MailWorkers int

	// Seams have no flags.
	Seams Seams
}

// Seams are where a test takes hold of a manager. The zero value is the manager as it is.
type Seams struct {
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Resync is how often every cached object is looked at again although nothing has changed; default 10 hours.
	Resync time.Duration
	// Relist is how often the caches are compared with the API server; default 10 minutes.
	Relist time.Duration
	// Several managers run in this process, which the metrics of one would not allow.
	Several bool
}

// Bind adds the flags to a set, with their defaults.
func (o *Options) Bind(flags *flag.FlagSet) {
	namespace := os.Getenv("POD_NAMESPACE")
	if namespace == "" {
		namespace = "usher-system"
	}
	flags.StringVar(&o.Kubeconfig, "kubeconfig", "", "kubeconfig `file`; default: in-cluster, else $KUBECONFIG")
	flags.StringVar(&o.Namespace, "namespace", namespace, "`namespace` of the manager's own Secrets; default: $POD_NAMESPACE")
	flags.StringVar(&o.WatchNamespaces, "watch-namespaces", "", "comma-separated `namespaces` to work in; default: all")
	flags.StringVar(&o.SMTPSecret, "smtp-secret", "usher-smtp", "`name` of the SMTP Secret of accounts that name none, in --namespace")
	flags.StringVar(&o.TokenSecret, "token-secret", "usher-token-key", "`name` of the Secret with the keys of the links, in --namespace; made at the first start")
	flags.StringVar(&o.PortalURL, "portal-url", "", "public base `URL` of the links; without it no mail is sent")
	flags.StringVar(&o.PortalBindAddress, "portal-bind-address", ":8082", "`address` of the portal; 0 turns it off")
	flags.StringVar(&o.PortalCertDir, "portal-cert-dir", "", "`folder` of tls.crt and tls.key, read again when they change, for the portal to serve HTTPS; default: HTTP")
	flags.StringVar(&o.TrustedProxies, "trusted-proxies", "", "comma-separated `networks` of the proxies in front of the portal, whose X-Forwarded-For is believed; default: none")
	flags.StringVar(&o.MetricsBindAddress, "metrics-bind-address", ":8443", "`address` of the metrics; 0 turns them off")
	flags.BoolVar(&o.MetricsSecure, "metrics-secure", true, "serve metrics over HTTPS with authentication and authorization")
	flags.StringVar(&o.HealthProbeBindAddress, "health-probe-bind-address", ":8081", "`address` of /healthz and /readyz; 0 turns them off")
	flags.BoolVar(&o.LeaderElect, "leader-elect", true, "let one replica work at a time; the portal runs on every one")
	flags.StringVar(&o.UserPrefix, "user-prefix", "", "`prefix` that the cluster puts before the address of whom it knows by OIDC")
	flags.IntVar(&o.WebhookPort, "webhook-port", 9443, "`port` of the admission webhooks; 0 turns them off, and nothing depends on them but early advice")
	flags.StringVar(&o.WebhookCertDir, "webhook-cert-dir", "", "`folder` with tls.crt and tls.key for the webhooks; without them the webhooks are off")
	flags.IntVar(&o.MailWorkers, "mail-workers", 8, "how many SMTP conversations run at once")
}

// validate says what is wrong with the options and what to write instead.
func (o *Options) validate() error {
	if o.MailWorkers < 1 {
		return fmt.Errorf("--mail-workers is %d; it must be at least 1", o.MailWorkers)
	}
	if o.PortalURL == "" {
		return nil
	}
	u, err := url.Parse(o.PortalURL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("--portal-url is %q; it must be an absolute URL such as https://invite.acme.example, without a path or a query: the portal needs a host of its own", o.PortalURL)
	}
	if o.PortalCertDir != "" && u.Scheme != "https" {
		return fmt.Errorf("--portal-cert-dir has the portal serve HTTPS, and --portal-url is %q; write it with https://", o.PortalURL)
	}
	o.PortalURL = strings.TrimRight(o.PortalURL, "/")
	return nil
}

// now is the clock.
func (o *Options) now() func() time.Time {
	if o.Seams.Now != nil {
		return o.Seams.Now
	}
	return time.Now
}

// namespaces are the watched ones; nil for all.
func (o *Options) namespaces() []string {
	return strings.FieldsFunc(o.WatchNamespaces, func(r rune) bool { return r == ',' || r == ' ' })
}
