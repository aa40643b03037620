// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"context"
	"maps"
	"net/http"
)

// hsts has browsers use nothing but HTTPS for this host for a year. It leaves the host's neighbours alone.
const hsts = "max-age=31536000"

// contentPolicy lets a page load its own style sheets, and nothing else from anywhere.
const contentPolicy = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// alwaysSent are on every answer. form-action covers redirects after a POST too, so those stay on this site.
var alwaysSent = map[string]string{
	"Content-Security-Policy": contentPolicy,
	// The path is the secret: it must not leak to the product or the terms that a page links to.
	"Referrer-Policy":              "no-referrer",
	"Cache-Control":                "no-store",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"X-Robots-Tag":                 "noindex, nofollow",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=()",
}

// securityHeaders are those of every answer, over TLS or not.
func securityHeaders(overTLS bool) map[string]string {
	headers := maps.Clone(alwaysSent)
	if overTLS {
		headers["Strict-Transport-Security"] = hsts
	}
	return headers
}

func withHeaders(headers map[string]string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		next.ServeHTTP(w, r)
	})
}

func withTimeout(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// foreign tells whether another site's page sent this request.
//
// A page with Referrer-Policy no-referrer posts its own form with "Origin: null", which the library takes for foreign where
// the browser adds no Sec-Fetch-Site: over plain HTTP. It is let through then; whoever made the request knows the link's
// token, and there is no cookie that another site could ride on.
func (p *Portal) foreign(r *http.Request) bool {
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "null" {
		return false
	}
	return p.origin.Check(r) != nil
}
