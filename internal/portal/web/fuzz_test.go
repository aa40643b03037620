// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Every Accept-Language header gets a language that has a catalogue.
func FuzzAcceptLanguage(f *testing.F) {
	for _, header := range []string{"", "de", "fr-CH, fr;q=0.9, en;q=0.8", "*", ";;;=", "x-klingon", "en-GB;q=NaN", "und-u-rg-uszzzz", strings.Repeat("a-", 600), "\xff"} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header["Accept-Language"] = []string{header}
		chosen := Spoken.Choose(r, "", "")
		if chosen == nil || Spoken.ByTag[chosen.Tag] != chosen {
			t.Errorf("%q chooses %v", header, chosen)
		}
		if len(header) > maxAcceptLanguage && chosen.Tag != usherv1.DefaultLanguage {
			t.Errorf("%d bytes are read", len(header))
		}
	})
}

// A client can make up only what stands before the address that a trusted proxy appended, and that changes nothing.
func FuzzForwardedFor(f *testing.F) {
	for _, made := range []string{"", "203.0.113.9", "10.0.0.1", "unknown", ",,,", "[::1]:80", "::ffff:10.0.0.1", "fe80::1%eth0", strings.Repeat("1.1.1.1,", 1000)} {
		f.Add(made, uint32(0xC6336401))
	}
	p := Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, made string, client uint32) {
		address := netip.AddrFrom4([4]byte{byte(client >> 24), byte(client >> 16), byte(client >> 8), byte(client)})
		if p.trusts(address) {
			t.Skip() // a proxy, not a client
		}
		want := netip.PrefixFrom(address, 32)
		for _, headers := range [][]string{{made + ", " + address.String()}, {made, address.String()}, {made, address.String() + ", 10.9.9.9"}} {
			r := &http.Request{RemoteAddr: "10.1.2.3:4567", Header: http.Header{"X-Forwarded-For": headers}}
			if counted := p.CountedFor(r); counted != want {
				t.Errorf("%q counts for %v, not %v", headers, counted, want)
			}
		}
		alone := &http.Request{RemoteAddr: "10.1.2.3:4567", Header: http.Header{"X-Forwarded-For": {made}}}
		if !p.CountedFor(alone).IsValid() {
			t.Errorf("%q is counted for no client", made)
		}
	})
}
