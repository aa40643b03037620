// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// PageLoad is how long a page of the portal took to load at a constant rate.
type PageLoad struct {
	// During is what else happened.
	Page, During, Target string
	Latencies
}

const (
	// portalLinks is how many invitations are opened in turn, by as many clients.
	portalLinks = 100
	// portalLeast is for how many seconds GETs are sent at least; without a roll-out, for no longer.
	portalLeast = 10
	// portalTimeout is longer than any request may wait in the portal.
	portalTimeout = time.Minute
)

// form is a part of the page of an open invitation, and of no other.
var form = []byte("<form")

// portal measures the page of an invitation alone, and beside a roll-out of n members. The portal is a process of its own, as
// config/default runs it.
func (s *stage) portal(ctx context.Context, n int) (_ []PageLoad, err error) {
	p, err := s.populate(ctx, Shapes[0], n)
	if err != nil {
		return nil, err
	}
	guests, err := s.populateAs(ctx, "guests", []int{portalLinks})
	if err != nil {
		return nil, err
	}
	o, err := s.observe(ctx)
	if err != nil {
		return nil, err
	}
	defer o.stop()
	m, _, err := s.start(ctx, "--portal=false")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.stop()) }()
	pages, _, err := s.start(ctx, "--kubeconfig="+s.portalKubeconfig, "--controllers=false")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pages.stop()) }()
	if err := s.ready(ctx, append(p.tenants, guests.tenants...)); err != nil {
		return nil, err
	}
	if _, _, err := s.phase(ctx, o, guests, usherv1.ReasonAwaitingAcceptance, s.apply, m); err != nil {
		return nil, err
	}
	links, err := s.links(ctx, pages.portal, guests)
	if err != nil {
		return nil, err
	}
	const page = "an invitation's form"
	ended := make(chan struct{})
	close(ended)
	s.Log("  without a roll-out")
	alone := PageLoad{Page: page, During: "nothing else", Latencies: s.opening(links).run(ctx, portalLeast*s.Rate, ended)}

	s.Log("  beside a roll-out of %d", n)
	ended = make(chan struct{})
	var failed error
	go func() {
		defer close(ended)
		_, _, failed = s.phase(ctx, o, p, usherv1.ReasonAwaitingAcceptance, s.apply, m)
	}()
	beside := PageLoad{
		Page: page, During: "a roll-out of " + Shapes[0].title(n), Target: "< 20",
		Latencies: s.opening(links).run(ctx, portalLeast*s.Rate, ended),
	}
	<-ended
	return []PageLoad{alone, beside}, errors.Join(failed, context.Cause(ctx))
}

// links returns the links of the members' invitations at a portal.
func (s *stage) links(ctx context.Context, portal string, p *population) ([]string, error) {
	keys, err := s.keys().Get(ctx)
	if err != nil {
		return nil, err
	}
	var links []string
	for _, t := range p.tenants {
		var invitations usherv1.InvitationList
		if err := s.api.List(ctx, &invitations, inNamespace(t)); err != nil {
			return nil, err
		}
		for i := range invitations.Items {
			links = append(links, keys.Link(portal, &invitations.Items[i]))
		}
	}
	if len(links) != len(p.members) {
		return nil, fmt.Errorf("%d invitations of %d members", len(links), len(p.members))
	}
	return links, nil
}

// opening opens the links in turn, each from an address of its own, as a proxy reports it.
func (s *stage) opening(links []string) *openLoad {
	addresses := make([]string, len(links))
	address := netip.MustParseAddr("198.18.0.1") // of the network that RFC 2544 has for benchmarks
	for i := range addresses {
		addresses[i], address = address.String(), address.Next()
	}
	transport := &http.Transport{MaxIdleConnsPerHost: len(links)} // as many as may be busy in one second without being slow
	return &openLoad{
		rate: s.Rate, client: &http.Client{Transport: transport, Timeout: portalTimeout},
		request: func(i int) (*http.Request, error) {
			request, err := http.NewRequest(http.MethodGet, links[i%len(links)], nil) //nolint:noctx // openLoad adds it
			if err == nil {
				request.Header.Set("X-Forwarded-For", addresses[i%len(links)])
			}
			return request, err
		},
		accepts: func(body []byte) bool { return bytes.Contains(body, form) },
	}
}

func portalTable(pages []PageLoad, rate int) Table {
	t := Table{
		Title: fmt.Sprintf("Portal: %d GETs a second, ms from when each was due", rate),
		Head:  []string{"", "target p99", "p50", "p99", "longest", "sent late, p99", "GETs", "failed"},
	}
	for _, p := range pages {
		row := []string{p.Page + ", during " + p.During, p.Target}
		for _, d := range []time.Duration{percentile(p.Took, 0.5), percentile(p.Took, 0.99), most(p.Took), percentile(p.Late, 0.99)} {
			row = append(row, number(milliseconds(d), 1))
		}
		t.Rows = append(t.Rows, append(row, grouped(len(p.Took)), strconv.Itoa(p.Failed)))
	}
	return t
}
