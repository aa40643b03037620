// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"maps"
	"net/http"
)

// hsts makes browsers use only HTTPS for this host for a year. It does not cover subdomains.
const hsts = "max-age=31536000"

// ContentPolicy lets a page load its own style sheets, and nothing else.
const ContentPolicy = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// alwaysSent are on every answer. form-action covers redirects after a POST too, so those stay on this site.
var alwaysSent = map[string]string{
	"Content-Security-Policy": ContentPolicy,
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

// SecurityHeaders returns the headers of every answer. Over TLS they include Strict-Transport-Security.
func SecurityHeaders(overTLS bool) map[string]string {
	headers := maps.Clone(alwaysSent)
	if overTLS {
		headers["Strict-Transport-Security"] = hsts
	}
	return headers
}

// WithHeaders sets headers on every answer.
func WithHeaders(headers map[string]string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		next.ServeHTTP(w, r)
	})
}

// WithTimeout bounds the time of a request.
func WithTimeout(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// Foreign reports whether another site's page sent this request.
//
// A page with Referrer-Policy no-referrer posts its own form with "Origin: null". The library treats that as foreign if the browser
// adds no Sec-Fetch-Site, which is the case over plain HTTP. Such a request is accepted: it proves that the sender knows the
// link's token, and there is no cookie that another site could use.
func Foreign(origin *http.CrossOriginProtection, r *http.Request) bool {
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "null" {
		return false
	}
	return origin.Check(r) != nil
}

// NotOwn reports whether anything but this very site's page sent this request, which may carry a cookie that another site could use.
func NotOwn(origin *http.CrossOriginProtection, r *http.Request) bool { return origin.Check(r) != nil }
