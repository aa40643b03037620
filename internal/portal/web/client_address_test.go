// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"net/netip"
	"testing"

	. "github.com/onsi/gomega"
)

func TestTheClientThatARequestIsCountedFor(t *testing.T) {
	g := NewWithT(t)
	p := Proxies{}
	for address, want := range map[string]string{
		"192.0.2.1:80":              "192.0.2.1/32",
		"[::ffff:192.0.2.1]:80":     "192.0.2.1/32",
		"[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80":         "fe80::/64",
	} {
		r := &http.Request{RemoteAddr: address, Header: http.Header{"X-Forwarded-For": {"198.51.100.1"}}}
		g.Expect(p.CountedFor(r).String()).To(Equal(want), address)
	}
	g.Expect(p.CountedFor(&http.Request{RemoteAddr: "@"}).IsValid()).To(BeFalse())
}

func TestTheAddressThatAProxyForwards(t *testing.T) {
	proxies, err := ParseProxies("10.0.0.0/8, 192.0.2.7,2001:db8:99::/48")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	const proxy = "10.1.2.3:4567"
	for name, c := range map[string]struct {
		peer, want string
		said       []string
	}{
		"nothing":                    {proxy, "10.1.2.3/32", nil},
		"an empty line":              {proxy, "10.1.2.3/32", []string{""}},
		"the client":                 {proxy, "198.51.100.1/32", []string{"198.51.100.1"}},
		"the client's network":       {proxy, "2001:db8:1:2::/64", []string{"2001:db8:1:2:3:4:5:6"}},
		"with a port":                {proxy, "198.51.100.1/32", []string{"198.51.100.1:5678"}},
		"with a port in brackets":    {proxy, "2001:db8:1:2::/64", []string{"[2001:db8:1:2::1]:5678"}},
		"IPv4 in IPv6":               {proxy, "198.51.100.1/32", []string{"::ffff:198.51.100.1"}},
		"another zone":               {proxy, "fe80::/64", []string{"fe80::1%eth0"}},
		"over two proxies":           {proxy, "198.51.100.1/32", []string{"198.51.100.1, 10.9.9.9"}},
		"on two lines":               {proxy, "198.51.100.1/32", []string{"198.51.100.1", "2001:db8:99::1, 192.0.2.7"}},
		"only proxies":               {proxy, "10.7.7.7/32", []string{"10.7.7.7, 10.8.8.8"}},
		"what the client made up":    {proxy, "198.51.100.1/32", []string{"203.0.113.9, 198.51.100.1"}},
		"a proxy made up":            {proxy, "198.51.100.1/32", []string{"10.0.0.1, 198.51.100.1"}},
		"made up on an earlier line": {proxy, "198.51.100.1/32", []string{"203.0.113.9", "198.51.100.1"}},
		"nonsense made up":           {proxy, "198.51.100.1/32", []string{"<script>,,, 198.51.100.1"}},
		"nonsense":                   {proxy, "10.1.2.3/32", []string{"198.51.100.1, unknown"}},
		"nothing after a comma":      {proxy, "10.1.2.3/32", []string{"198.51.100.1, "}},
		"nonsense behind a proxy":    {proxy, "10.1.2.3/32", []string{"198.51.100.1, unknown, 10.2.2.2"}},
		"by an untrusted peer":       {"198.51.100.7:1", "198.51.100.7/32", []string{"203.0.113.9"}},
		"by a proxy over IPv6":       {"[::ffff:10.1.2.3]:1", "198.51.100.1/32", []string{"198.51.100.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.said}}
			NewWithT(t).Expect(proxies.CountedFor(r).String()).To(Equal(c.want))
		})
	}
}

func TestWhichProxiesCanBeTrusted(t *testing.T) {
	g := NewWithT(t)
	for list, want := range map[string]Proxies{
		"":                          nil,
		" , ":                       nil,
		"10.1.2.3/8":                {netip.MustParsePrefix("10.0.0.0/8")},
		"192.0.2.7,2001:db8::1/128": {netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8::1/128")},
	} {
		g.Expect(ParseProxies(list)).To(Equal(want), list)
	}
	for _, bad := range []string{"10.0.0.0/33", "proxy.example", "10.0.0", "::ffff:10.0.0.0/104"} {
		_, err := ParseProxies("10.0.0.0/8," + bad)
		g.Expect(err).To(MatchError(ContainSubstring(bad)), bad)
	}
}
