// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal/web"
)

// Site is what all pages of a portal share.
type Site struct {
	// Client reads from and writes to the API server, not a cache.
	Client client.Client
	// Keys returns the current keys of the links.
	Keys func(context.Context) (invite.Keyring, error)
	// Now is the clock.
	Now func() time.Time
	Log logr.Logger
	// Proxies are the networks of the proxies in front.
	Proxies web.Proxies
	// Limits without zero fields.
	Limits web.Limits
	// Background runs what no answer waits for.
	Background web.Background

	// Hasher, Origin, Visitors and Tries are what [NewSite] makes.
	Hasher   *web.Hasher
	Origin   *http.CrossOriginProtection
	Visitors *web.Visitors
	Tries    *web.Tries
}

// NewSite completes a Site.
func NewSite(s Site) *Site {
	s.Limits = s.Limits.WithDefaults()
	s.Hasher = web.NewHasher(s.Limits.HashCost, s.Limits.ConcurrentHashes)
	s.Origin = http.NewCrossOriginProtection()
	s.Visitors = web.NewVisitors(s.Proxies, s.Limits, s.Log)
	s.Client = web.NewBudget(s.Client, s.Limits.ReadsPerSecond)
	s.Tries = web.NewTries(s.Limits)
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Background == nil {
		s.Background = web.NewBackground()
	}
	return &s
}

// Limited passes requests for pages on as long as their client does not make too many.
func (s *Site) Limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			if wait := s.Visitors.Page(r, s.Now()); wait > 0 {
				s.RenderNotice(w, r, nil, NoticeTooMany, web.Seconds(wait))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// Post reads the form of a POST into r.PostForm. It returns false if it has answered the request: another site sent the form, the client
// posts too often, or the form cannot be read. A form that another site sent counts for no limit: its visitor did not send it.
func (s *Site) Post(w http.ResponseWriter, r *http.Request, foreign func(*http.CrossOriginProtection, *http.Request) bool) bool {
	if foreign(s.Origin, r) {
		s.RenderNotice(w, r, nil, NoticeForeign, 0)
		return false
	}
	if wait := s.Visitors.Form(r, s.Now()); wait > 0 {
		s.RenderNotice(w, r, nil, NoticeTooMany, web.Seconds(wait))
		return false
	}
	err := web.ReadForm(w, r)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		s.RenderNotice(w, r, nil, NoticeTooLarge, 0)
	case err != nil:
		s.RenderNotice(w, r, nil, NoticeMalformed, 0)
	}
	return err == nil
}

// ErrUnknown is the error of every link that leads nowhere: to no object, forged, garbled or replaced by a newer one.
var ErrUnknown = errors.New("the link leads nowhere")

// PlainError is an error whose text contains nothing that a client sent, so that it can be logged.
type PlainError string

func (e PlainError) Error() string { return string(e) }

// Cause returns the text of an error for the log, without the names in it, which a client may have made up.
func Cause(err error) string {
	if reason := apierrors.ReasonForError(err); reason != "" {
		return string(reason)
	}
	var plain PlainError
	if errors.As(err, &plain) {
		return plain.Error()
	}
	if errors.Is(err, web.ErrBusy) {
		return web.ErrBusy.Error()
	}
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err.Error()
	}
	return "the API server or the token key could not be read"
}
