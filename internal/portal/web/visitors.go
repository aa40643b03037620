// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/go-logr/logr"
)

// warnEvery is how often the log says that there is an unknown proxy, and shownFor how long the portal says so after it was seen.
const (
	warnEvery = 10 * time.Minute
	shownFor  = time.Hour
)

// Visitors limit how often each client may open pages and send forms.
//
// If a request says that it was forwarded, and its sender is none of the configured proxies, its client is not known: it is counted for its
// sender, which may do as much as several clients. So a proxy that no one configured does not take the portal from its visitors, and the
// limits of each invitation and of each member hold all the same. A client that makes the header up gains no more than that.
type Visitors struct {
	proxies Proxies
	log     logr.Logger
	// forms and pages are for clients, ofSeveral for senders that forward the requests of others.
	forms, pages                   *Throttle[netip.Prefix]
	formsOfSeveral, pagesOfSeveral *Throttle[netip.Prefix]

	mu             sync.Mutex
	unknown        netip.Addr
	seenAt, warned time.Time
}

// NewVisitors returns Visitors.
func NewVisitors(proxies Proxies, limits Limits, log logr.Logger) *Visitors {
	throttle := func(perMinute int) *Throttle[netip.Prefix] {
		return NewThrottle[netip.Prefix](perMinute, limits.RememberedKeys)
	}
	return &Visitors{
		proxies: proxies, log: log, forms: throttle(limits.PostsPerMinute), pages: throttle(limits.PagesPerMinute),
		formsOfSeveral: throttle(severalClients * limits.PostsPerMinute), pagesOfSeveral: throttle(severalClients * limits.PagesPerMinute),
	}
}

// Form returns 0 if the sender of a form may go on, and otherwise how long it must wait.
func (v *Visitors) Form(r *http.Request, now time.Time) time.Duration {
	return v.take(r, now, v.forms, v.formsOfSeveral, "form")
}

// Page returns 0 if the visitor of a page may see it, and otherwise how long it must wait.
func (v *Visitors) Page(r *http.Request, now time.Time) time.Duration {
	return v.take(r, now, v.pages, v.pagesOfSeveral, "page")
}

func (v *Visitors) take(r *http.Request, now time.Time, one, several *Throttle[netip.Prefix], what string) time.Duration {
	limit := one
	if sender, unknown := v.proxies.UnknownProxy(r); unknown {
		v.warn(sender, now)
		limit = several
	}
	wait := limit.Take(v.proxies.CountedFor(r), now)
	if wait > 0 {
		refused.WithLabelValues(what).Inc()
	}
	return wait
}

// warn notes that there is an unknown proxy.
func (v *Visitors) warn(sender netip.Addr, now time.Time) {
	unknownForwarders.Inc()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.unknown, v.seenAt = sender, now
	if now.Sub(v.warned) < warnEvery {
		return
	}
	v.warned = now
	v.log.Info("Requests come with X-Forwarded-For from a sender that is not in --trusted-proxies: if it is your proxy, add its network; "+
		"until then its visitors are counted as one", "sender", shown(sender))
}

// Warning returns what an operator should know of the last hour; empty if there is nothing.
func (v *Visitors) Warning(now time.Time) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.seenAt.IsZero() || now.Sub(v.seenAt) > shownFor {
		return ""
	}
	return fmt.Sprintf("the portal gets requests with X-Forwarded-For from %s, which is not in --trusted-proxies: if it is your proxy, "+
		"add its network; until then its visitors are counted as one", shown(v.unknown))
}

// shown returns the address of a proxy inside the cluster, which an operator needs. Any other may be that of a person.
func shown(sender netip.Addr) string {
	if sender.IsPrivate() || sender.IsLoopback() {
		return sender.String()
	}
	return "a public address"
}
