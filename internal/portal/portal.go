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
)

// Options are what a [Portal] needs.
type Options struct {
	// Client reads and writes the API server itself: a cached read would admit to an invitation that was just revoked. Required.
	Client client.Client
	// Keys returns the keys of the links, as they are now. Required.
	Keys func(context.Context) (invite.Keyring, error)
	// Namespaces whose links are answered; any other link is unknown. Default: all.
	Namespaces []string
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// BindAddress to listen on, such as ":8082".
	BindAddress string
	// Listener to use instead of BindAddress; may be nil.
	Listener net.Listener
	// Log gets namespace and name of invitations that somebody held a genuine link to, and nothing else that a client sent.
	Log logr.Logger
	// MembersAt finds the members, of any account, with an e-mail address, without regard to case. Default: nobody is found,
	// and there is no profile page.
	MembersAt func(ctx context.Context, email string) ([]types.NamespacedName, error)
	// Secure tells that the portal's public URL is https, so that a session's cookie goes over nothing else.
	Secure bool
	// Proxies are the networks of the proxies in front, whose X-Forwarded-For is believed. Default: none.
	Proxies []netip.Prefix
	// TLS tells that the Listener speaks TLS: browsers are told to insist on it from then on.
	TLS bool
	// Limits; zero fields mean the defaults.
	Limits Limits
}

// Portal answers the links of invitations. It is an http.Handler; Server makes it a Runnable for every replica of a manager.
type Portal struct {
	client     client.Client
	keys       func(context.Context) (invite.Keyring, error)
	namespaces []string
	now        func() time.Time
	log        logr.Logger

	origin        *http.CrossOriginProtection
	perClient     *throttle[netip.Prefix]
	perInvitation *throttle[types.UID]
	perMember     *throttle[addressDigest]
	membersAt     func(ctx context.Context, email string) ([]types.NamespacedName, error)
	secure        bool
	proxies       []netip.Prefix
	hasher        *hasher
	evenTime      time.Duration
	connections   *connections
	handler       http.Handler
	bindAddress   string
	listener      net.Listener
}

var _ http.Handler = (*Portal)(nil)

// New returns a Portal that does not listen yet.
func New(options Options) *Portal {
	limits := options.Limits.withDefaults()
	p := &Portal{
		client:        options.Client,
		keys:          options.Keys,
		namespaces:    options.Namespaces,
		now:           options.Now,
		log:           options.Log,
		origin:        http.NewCrossOriginProtection(),
		perClient:     newThrottle[netip.Prefix](limits.PostsPerMinute, limits.RememberedKeys),
		perInvitation: newThrottle[types.UID](limits.PostsPerMinute, limits.RememberedKeys),
		perMember:     newThrottle[addressDigest](limits.PostsPerMinute, limits.RememberedKeys),
		membersAt:     options.MembersAt,
		secure:        options.Secure,
		proxies:       options.Proxies,
		hasher:        newHasher(limits.HashCost, limits.ConcurrentHashes),
		evenTime:      limits.EvenTime,
		connections:   newConnections(limits.Connections),
		bindAddress:   options.BindAddress,
		listener:      options.Listener,
	}
	if p.now == nil {
		p.now = time.Now
	}
	p.handler = withHeaders(securityHeaders(options.TLS), withArrival(withTimeout(p.routes())))
	return p
}

// ServeHTTP answers one request.
func (p *Portal) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

// Server is the portal's HTTP server with its limits, as a Runnable that listens on every replica and stops gracefully:
// the API server decides between them.
func (p *Portal) Server() *manager.Server {
	return &manager.Server{
		Name: "portal",
		Server: &http.Server{
			Addr:              p.bindAddress,
			Handler:           p,
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ConnState:         p.connections.follow,
			ErrorLog:          slog.NewLogLogger(logr.ToSlogHandler(p.log), slog.LevelError),
		},
		Listener:        p.listener,
		ShutdownTimeout: ptr.To(shutdownTimeout),
	}
}
