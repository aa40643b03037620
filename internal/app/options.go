// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package app builds the manager from its options.
package app

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/usher-dev/usher/internal/access"
)

// Options are the manager's flags.
type Options struct {
	// Kubeconfig is the kubeconfig file; "" uses the in-cluster configuration, $KUBECONFIG or the default file.
	Kubeconfig string
	// Namespace contains the manager's own Secrets and its lease.
	Namespace string
	// WatchNamespaces is a comma-separated list; "" watches all namespaces.
	WatchNamespaces string
	// SMTPSecret is the default SMTP Secret, in Namespace.
	SMTPSecret string
	// TokenSecret is the Secret with the keys that links are made with, in Namespace.
	TokenSecret string
	// PortalURL is the public base URL of the links; if it is "", no mail is sent.
	PortalURL string
	// NoControllers and NoPortal leave out a part of the manager, so that another process under another service account runs it.
	NoControllers, NoPortal bool
	// PortalBindAddress, MetricsBindAddress and HealthProbeBindAddress are listened on; "0" turns a server off.
	PortalBindAddress, MetricsBindAddress, HealthProbeBindAddress string
	// PprofBindAddress serves profiles of the process, without authentication: it must be a loopback address; "0" turns it off.
	PprofBindAddress string
	// PortalCertDir contains tls.crt and tls.key, with which the portal serves HTTPS; "" serves HTTP.
	PortalCertDir string
	// TrustedProxies is a comma-separated list of networks whose X-Forwarded-For header is trusted; "" trusts none.
	TrustedProxies string
	// MetricsSecure serves metrics over HTTPS with authentication and authorization.
	MetricsSecure bool
	// LeaderElect lets only one replica reconcile at a time; the portal runs on every replica.
	LeaderElect bool
	// Shards is how many replicas share the namespaces among them; with 1 or 0, leader election decides which one reconciles. ShardByPeers
	// lets all replicas share them.
	Shards       int
	ShardByPeers bool
	// UserPrefix is the cluster's OIDC username prefix; "" for none.
	UserPrefix string
	// WebhookPort is the port of the admission webhooks; 0 turns them off. WebhookCertDir contains their tls.crt and
	// tls.key; "" turns them off too.
	WebhookPort    int
	WebhookCertDir string
	// MailWorkers is how many mails are sent at the same time, to all servers and for all namespaces.
	MailWorkers int
	// SMTPAllow is a comma-separated list of addresses that SMTP Secrets outside of Namespace may lead to, besides public ones; see
	// smtp.ParseReach.
	SMTPAllow string
	// MailQuota is how many mails an account may send a day through SMTPSecret; 0 for any number.
	MailQuota int
	// TenantWording lets accounts word the mails that SMTPSecret's server sends.
	TenantWording bool

	// TestHooks has no flags; only tests set it.
	TestHooks TestHooks
}

// TestHooks lets a test replace parts of a manager. The zero value changes nothing.
type TestHooks struct {
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Resync is how often every cached object is reconciled although nothing has changed; default 10 hours.
	Resync time.Duration
	// PollKeys is how often the token keys are read where no watch says that they have changed; default 30 seconds.
	PollKeys time.Duration
	// Relist is how often the caches are compared with the API server; default 10 minutes.
	Relist time.Duration
	// Several allows several managers in one process: it turns off the check that each controller's name, a metrics label, is unique.
	Several bool
}

// Bind adds the flags to a set, with their defaults.
func (o *Options) Bind(flags *flag.FlagSet) {
	namespace := os.Getenv("POD_NAMESPACE")
	if namespace == "" {
		namespace = "usher-system"
	}
	flags.StringVar(&o.Kubeconfig, "kubeconfig", "", "kubeconfig `file`; default: the in-cluster configuration, else $KUBECONFIG")
	flags.StringVar(&o.Namespace, "namespace", namespace,
		"`namespace` of the manager's own Secrets and lease; default: $POD_NAMESPACE, else usher-system")
	flags.StringVar(&o.WatchNamespaces, "watch-namespaces", "", "comma-separated `namespaces` to watch; default: all")
	flags.StringVar(&o.SMTPSecret, "smtp-secret", "usher-smtp", "`name` of the SMTP Secret in --namespace for accounts that name none")
	flags.StringVar(&o.TokenSecret, "token-secret", "usher-token-key",
		"`name` of the Secret in --namespace with the keys of the links; created at the first start")
	flags.Var((*without)(&o.NoControllers), "controllers",
		"run the controllers and the admission webhooks; false for a process that serves the portal only, under a service account of its own")
	flags.Var((*without)(&o.NoPortal), "portal", "serve the portal; false for a process that leaves it to another one")
	flags.StringVar(&o.PortalURL, "portal-url", "", "public base `URL` of the links; without it, no mail is sent")
	flags.StringVar(&o.PortalBindAddress, "portal-bind-address", ":8082", "`address` of the portal; 0 turns it off")
	flags.StringVar(&o.PortalCertDir, "portal-cert-dir", "",
		"`directory` with tls.crt and tls.key for the portal to serve HTTPS, reloaded when they change; default: HTTP")
	flags.StringVar(&o.TrustedProxies, "trusted-proxies", "",
		"comma-separated `networks` of the proxies in front of the portal whose X-Forwarded-For is trusted; default: none")
	flags.StringVar(&o.MetricsBindAddress, "metrics-bind-address", ":8443", "`address` of the metrics; 0 turns them off")
	flags.BoolVar(&o.MetricsSecure, "metrics-secure", true, "serve metrics over HTTPS with authentication and authorization")
	flags.StringVar(&o.HealthProbeBindAddress, "health-probe-bind-address", ":8081", "`address` of /healthz and /readyz; 0 turns them off")
	flags.StringVar(&o.PprofBindAddress, "pprof-bind-address", "0",
		"loopback `address`, such as 127.0.0.1:6060, that serves Go's profiles below /debug/pprof/ without authentication, for debugging; "+
			"0 turns it off")
	flags.BoolVar(&o.LeaderElect, "leader-elect", true, "let only one replica reconcile at a time; the portal runs on every replica")
	o.Shards = 1
	flags.Var((*positive)(&o.Shards), "shards",
		"`number` of replicas that share the namespaces among them, instead of --leader-elect; further replicas stand by")
	flags.BoolVar(&o.ShardByPeers, "shard-by-peers", false,
		"let all replicas share the namespaces among them, however many there are, instead of --leader-elect")
	flags.StringVar(&o.UserPrefix, "user-prefix", "",
		"`prefix` that the cluster's OIDC configuration puts before the e-mail address in a user name")
	flags.IntVar(&o.WebhookPort, "webhook-port", 9443,
		"`port` of the admission webhooks; 0 turns them off, and mistakes are then reported by conditions only")
	flags.StringVar(&o.WebhookCertDir, "webhook-cert-dir", "",
		"`directory` with tls.crt and tls.key for the admission webhooks; without them, the webhooks are off")
	flags.IntVar(&o.MailWorkers, "mail-workers", 8, "`number` of mails that are sent at the same time; one server gets at most half")
	flags.StringVar(&o.SMTPAllow, "smtp-allow", "",
		"comma-separated `networks` that tenants' SMTP Secrets may lead to, such as 10.1.0.0/16,10.2.0.7:2526,[2001:db8::/32]:587; "+
			"* is every port; default: ports 25, 465, 587 and 2525 of public addresses")
	flags.IntVar(&o.MailQuota, "mail-quota", 2000,
		"`number` of mails that an account may send within 24 hours through the server of --smtp-secret; 0 for any number")
	flags.BoolVar(&o.TenantWording, "allow-tenant-wording", false,
		"use the own wording of accounts also in mails that the server of --smtp-secret sends; without it, an account needs an SMTP Secret "+
			"of its own")
}

// validate checks the options; the error says what to write instead.
func (o *Options) validate() error {
	if o.MailWorkers < 1 {
		return fmt.Errorf("--mail-workers is %d; it must be at least 1", o.MailWorkers)
	}
	if !loopback(o.PprofBindAddress) {
		return fmt.Errorf("--pprof-bind-address is %q; it must be 0 or a loopback address such as 127.0.0.1:6060, because profiles are served "+
			"without authentication; kubectl port-forward reaches it in a pod", o.PprofBindAddress)
	}
	if o.NoControllers && !o.servesPortal() {
		return errors.New("with --controllers=false and without a portal, this process does nothing; " +
			"leave one of --controllers=false, --portal=false and --portal-bind-address=0 out")
	}
	if strings.HasPrefix(o.UserPrefix, access.ReservedPrefix) {
		return fmt.Errorf("--user-prefix is %q; Kubernetes reserves user names that begin with system: for itself; "+
			"use the prefix of the API server's OIDC configuration", o.UserPrefix)
	}
	if o.Shards > 1 && o.ShardByPeers {
		return fmt.Errorf("--shards=%d limits the replicas that share the namespaces, and --shard-by-peers does not; use one of them", o.Shards)
	}
	if o.MailQuota < 0 {
		return fmt.Errorf("--mail-quota is %d; it must be a number of mails, or 0 for any number", o.MailQuota)
	}
	if o.PortalURL == "" {
		return nil
	}
	return o.validatePortal()
}

// validatePortal checks the portal's URL.
func (o *Options) validatePortal() error {
	u, err := url.Parse(o.PortalURL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" ||
		u.Fragment != "" {
		return fmt.Errorf("--portal-url is %q; it must be an absolute URL such as https://invite.acme.example, "+
			"without a path or a query, because the portal needs a host of its own", o.PortalURL)
	}
	if o.PortalCertDir != "" && u.Scheme != "https" {
		return fmt.Errorf("--portal-cert-dir makes the portal serve HTTPS, but --portal-url is %q; write it with https://", o.PortalURL)
	}
	o.PortalURL = strings.TrimRight(o.PortalURL, "/")
	return nil
}

// loopback reports whether only this machine, or this pod, can reach a server at the address, or there is none.
func loopback(address string) bool {
	if address == "0" || address == "" {
		return true
	}
	at, err := netip.ParseAddrPort(address)
	return err == nil && at.Addr().IsLoopback()
}

// positive is a flag whose value is at least 1.
type positive int

// String implements flag.Value.
func (p *positive) String() string { return strconv.Itoa(int(*p)) }

// Set implements flag.Value.
func (p *positive) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return errors.New("it must be a whole number, at least 1")
	}
	*p = positive(n)
	return nil
}

// without is a flag that is true by default, and sets a field that leaves something out.
type without bool

// String implements flag.Value.
func (w *without) String() string { return strconv.FormatBool(!bool(*w)) }

// Set implements flag.Value.
func (w *without) Set(text string) error {
	on, err := strconv.ParseBool(text)
	if err != nil {
		return errors.New("it must be true or false")
	}
	*w = without(!on)
	return nil
}

// IsBoolFlag lets the flag be written without a value, which means true.
func (w *without) IsBoolFlag() bool { return true }

// sharded reports whether replicas share the namespaces.
func (o *Options) sharded() bool { return o.Shards > 1 || o.ShardByPeers }

// servesPortal reports whether this process serves the portal.
func (o *Options) servesPortal() bool { return !o.NoPortal && o.PortalBindAddress != "0" }

// now returns the clock.
func (o *Options) now() func() time.Time {
	if o.TestHooks.Now != nil {
		return o.TestHooks.Now
	}
	return time.Now
}

// relist returns how often caches list anew.
func (o *Options) relist() time.Duration { return cmp.Or(o.TestHooks.Relist, relistEvery) }

// namespaces returns the watched namespaces, or nil for all.
func (o *Options) namespaces() []string {
	return strings.FieldsFunc(o.WatchNamespaces, func(r rune) bool { return r == ',' || r == ' ' })
}
