// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal/web"
)

// Limits bound what one client, one invitation and all of them together can ask for.
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
	// Log records the namespace and name of invitations that were opened with a genuine link, and nothing else that a client sent.
	Log logr.Logger
	// MembersAt finds the members, of any account, with an e-mail address, without regard to case. Without it there is no
	// profile page.
	MembersAt func(ctx context.Context, email string) ([]types.NamespacedName, error)
	// Secure says that the portal's public URL is https, so that browsers send the session's cookie over nothing else.
	Secure bool
	// Proxies are the networks of the proxies in front, whose X-Forwarded-For is trusted. Default: none.
	Proxies web.Proxies
	// TLS says that the Listener speaks TLS: browsers are told to use nothing else from then on.
	TLS bool
	// Limits; zero fields mean the defaults.
	Limits Limits
}

// Portal serves the links of invitations and the profiles of members. It is an http.Handler;
// Server makes it a Runnable for every replica of a manager.
type Portal struct {
	client     client.Client
	keys       func(context.Context) (invite.Keyring, error)
	namespaces []string
	now        func() time.Time
	log        logr.Logger

	origin        *http.CrossOriginProtection
	perClient     *web.Throttle[netip.Prefix]
	perInvitation *web.Throttle[types.UID]
	perMember     *web.Throttle[addressDigest]
	membersAt     func(ctx context.Context, email string) ([]types.NamespacedName, error)
	secure        bool
	proxies       web.Proxies
	hasher        *web.Hasher
	evenTime      time.Duration
	connections   *web.Connections
	handler       http.Handler
	bindAddress   string
	listener      net.Listener
}

var _ http.Handler = (*Portal)(nil)

// New returns a Portal that does not listen yet.
func New(options Options) *Portal {
	limits := options.Limits.WithDefaults()
	p := &Portal{
		client:        options.Client,
		keys:          options.Keys,
		namespaces:    options.Namespaces,
		now:           options.Now,
		log:           options.Log,
		origin:        http.NewCrossOriginProtection(),
		perClient:     web.NewThrottle[netip.Prefix](limits.PostsPerMinute, limits.RememberedKeys),
		perInvitation: web.NewThrottle[types.UID](limits.PostsPerMinute, limits.RememberedKeys),
		perMember:     web.NewThrottle[addressDigest](limits.PostsPerMinute, limits.RememberedKeys),
		membersAt:     options.MembersAt,
		secure:        options.Secure,
		proxies:       options.Proxies,
		hasher:        web.NewHasher(limits.HashCost, limits.ConcurrentHashes),
		evenTime:      limits.EvenTime,
		connections:   web.NewConnections(limits.Connections),
		bindAddress:   options.BindAddress,
		listener:      options.Listener,
	}
	if p.now == nil {
		p.now = time.Now
	}
	p.handler = web.WithHeaders(web.SecurityHeaders(options.TLS), web.WithArrival(web.WithTimeout(p.routes())))
	return p
}

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
			ErrorLog:          slog.NewLogLogger(logr.ToSlogHandler(p.log), slog.LevelError),
		},
		Listener:        p.listener,
		ShutdownTimeout: ptr.To(web.ShutdownTimeout),
	}
}
