// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal/emailchange"
	"github.com/usher-dev/usher/internal/portal/invitation"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/profile"
	"github.com/usher-dev/usher/internal/portal/reset"
	"github.com/usher-dev/usher/internal/portal/session"
	"github.com/usher-dev/usher/internal/portal/web"
)

// Limits bound what one client, the holders of one link and all of them together can ask for.
type Limits = web.Limits

// Options are what a [Portal] needs.
type Options struct {
	// Client reads from and writes to the API server, not a cache: a cached read would admit to an invitation that was just
	// revoked. Required.
	Client client.Client
	// Keys returns the current keys of the links. Required.
	Keys func(context.Context) (invite.Keyring, error)
	// Namespaces whose links are served; any other link is unknown. Default: all.
	Namespaces []string
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// BindAddress to listen on, such as ":8082".
	BindAddress string
	// Listener to use instead of BindAddress; may be nil.
	Listener net.Listener
	// Log records the namespace and name of invitations and members that were opened with a genuine link, and nothing else that a client
	// sent.
	Log logr.Logger
	// MembersAt finds the members, of any account, that have or want an e-mail address, without regard to case. Without it there is no
	// profile page, and whether another member has a new address is left to the reconcilers.
	MembersAt func(ctx context.Context, email string) ([]types.NamespacedName, error)
	// Secure says that the portal's public URL is https, so that browsers send the session's cookie over nothing else.
	Secure bool
	// Proxies are the networks of the proxies in front, whose X-Forwarded-For is trusted. Default: none.
	Proxies web.Proxies
	// TLS says that the Listener speaks TLS: browsers are told to use nothing else from then on.
	TLS bool
	// Limits; zero fields mean the defaults.
	Limits Limits
	// Background runs work that no answer waits for. Default: so much at once, each for a few seconds.
	Background web.Background
}

// Portal serves the links of invitations, of changes of address and of new passwords, and the profiles of members. It is an http.Handler;
// Server makes it a Runnable for every replica of a manager.
type Portal struct {
	site        *page.Site
	connections *web.Connections
	handler     http.Handler
	bindAddress string
	listener    net.Listener
}

var _ http.Handler = (*Portal)(nil)

// New returns a Portal that does not listen yet.
func New(options Options) *Portal {
	site := page.NewSite(page.Site{
		Client: options.Client, Keys: options.Keys, Now: options.Now, Log: options.Log,
		Proxies: options.Proxies, Limits: options.Limits, Background: options.Background,
	})
	return &Portal{
		site:        site,
		connections: web.NewConnections(site.Limits.Connections, site.Limits.OfClient()),
		handler:     web.WithHeaders(web.SecurityHeaders(options.TLS), web.WithArrival(web.WithTimeout(routes(site, options)))),
		bindAddress: options.BindAddress,
		listener:    options.Listener,
	}
}

// routes returns the handler of all pages. What reads nothing is not limited.
func routes(site *page.Site, options Options) http.Handler {
	all := http.NewServeMux()
	all.HandleFunc("GET /healthz", healthz)
	all.HandleFunc("GET "+page.StylesheetPath, page.Stylesheet)
	all.HandleFunc("GET "+web.AccentPath, web.AccentStylesheet)
	all.Handle("/", site.Limited(pages(site, options)))
	return all
}

// pages returns the handler of the pages that read objects.
func pages(site *page.Site, options Options) http.Handler {
	mux := http.NewServeMux()
	invitations := invitation.Options{Namespaces: options.Namespaces}
	changes := emailchange.Options{Namespaces: options.Namespaces, MembersAt: options.MembersAt}
	if options.MembersAt != nil {
		invitations.ProfilePath, changes.ProfilePath = profile.PathOf, profile.PathOf
		sessions := session.New(site, session.Options{Secure: options.Secure, MembersAt: options.MembersAt})
		profile.New(site, sessions).Register(mux)
		reset.New(site, sessions, reset.Options{
			Namespaces: options.Namespaces, Path: profile.ForgotPath,
			DonePath: func(r *http.Request, who *page.Person) string { return profile.PathOf(who) + profile.SavedQuery(r) },
		}).Register(mux)
	}
	invitation.New(site, invitations).Register(mux)
	emailchange.New(site, changes).Register(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { site.Fail(w, r, page.ErrUnknown) })
	return mux
}

func healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// Warning returns what an operator should know of how the portal is reached; empty if there is nothing.
func (p *Portal) Warning() string { return p.site.Visitors.Warning(p.site.Now()) }

// ServeHTTP answers one request.
func (p *Portal) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

// Server is the portal's HTTP server with its limits, as a Runnable that listens on every replica and stops gracefully.
// The API server decides between replicas.
func (p *Portal) Server() *manager.Server {
	return &manager.Server{
		Name: "portal",
		Server: &http.Server{
			Addr:              p.bindAddress,
			Handler:           p,
			ReadHeaderTimeout: web.ReadHeaderTimeout,
			ReadTimeout:       web.ReadTimeout,
			WriteTimeout:      web.WriteTimeout,
			IdleTimeout:       web.IdleTimeout,
			MaxHeaderBytes:    web.MaxHeaderBytes,
			ConnState:         p.connections.Follow,
			ErrorLog:          slog.NewLogLogger(logr.ToSlogHandler(p.site.Log), slog.LevelError),
		},
		Listener:        p.listener,
		ShutdownTimeout: ptr.To(web.ShutdownTimeout),
	}
}
