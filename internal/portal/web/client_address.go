// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Lengths of the prefixes that requests are counted by, in bits: one IPv6 household has a /64 full of addresses.
const (
	countedBitsIPv4 = 32
	countedBitsIPv6 = 64
)

// Proxies are the networks of the proxies in front, whose X-Forwarded-For is trusted.
type Proxies []netip.Prefix

// ParseProxies reads a comma-separated list of networks such as "10.0.0.0/8, 192.0.2.7". An address alone is a network of one.
func ParseProxies(list string) (Proxies, error) {
	var proxies Proxies
	for part := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		network, err := netip.ParsePrefix(part)
		if err != nil {
			address, alone := netip.ParseAddr(part)
			if alone != nil {
				return nil, fmt.Errorf("%q is not a network; write one such as 10.0.0.0/8 or 2001:db8::/32", part)
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		if network.Addr().Is4In6() {
			return nil, fmt.Errorf("%q is an IPv4 network written as IPv6; write it as IPv4, such as 10.0.0.0/8", part)
		}
		proxies = append(proxies, network.Masked())
	}
	return proxies, nil
}

// CountedFor returns what a request is counted for: the address of its client, or its /64 in IPv6. The prefix is invalid if there
// is no address, as on a socket in the file system.
//
// X-Forwarded-For is trusted as far as trusted proxies wrote it: each appends the address that it received the request from, so
// the client is the last address that is not a trusted proxy. The addresses before it may be made up. If a trusted proxy
// appended something that is not an address, the request is counted for that proxy.
func (p Proxies) CountedFor(r *http.Request) netip.Prefix {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	client := peer.Addr().Unmap().WithZone("")
	if p.trusts(client) {
		client = p.forwardedFor(client, r.Header.Values("X-Forwarded-For"))
	}
	return counted(client)
}

// UnknownProxy returns the sender of a request that says that it was forwarded, if that is none of the proxies: either a proxy that no one
// configured, so that all its visitors are counted as one, or a client that makes the header up.
func (p Proxies) UnknownProxy(r *http.Request) (sender netip.Addr, found bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || len(r.Header.Values("X-Forwarded-For"))+len(r.Header.Values("Forwarded")) == 0 {
		return netip.Addr{}, false
	}
	sender = peer.Addr().Unmap().WithZone("")
	return sender, !p.trusts(sender)
}

// counted returns the prefix that an address is counted by.
func counted(client netip.Addr) netip.Prefix {
	client = client.Unmap().WithZone("")
	bits := countedBitsIPv6
	if client.Is4() {
		bits = countedBitsIPv4
	}
	return netip.PrefixFrom(client, bits).Masked()
}

// forwardedFor returns the last address of the headers that is not a trusted proxy; the first, if all are trusted; and the peer,
// if an entry on the way is not an address.
func (p Proxies) forwardedFor(peer netip.Addr, headers []string) netip.Addr {
	client := peer
	for _, header := range slices.Backward(headers) {
		for header != "" {
			i := strings.LastIndexByte(header, ',')
			address, err := parseForwarded(strings.TrimSpace(header[i+1:]))
			if err != nil {
				return peer
			}
			client, header = address, header[:max(i, 0)]
			if !p.trusts(client) {
				return client
			}
		}
	}
	return client
}

// parseForwarded reads an address, with or without a port, which some proxies add.
func parseForwarded(s string) (netip.Addr, error) {
	address, err := netip.ParseAddr(s)
	if err != nil {
		withPort, errWithPort := netip.ParseAddrPort(s)
		if errWithPort != nil {
			return netip.Addr{}, fmt.Errorf("read a forwarded address: %w", err)
		}
		address = withPort.Addr()
	}
	return address.Unmap().WithZone(""), nil
}

func (p Proxies) trusts(address netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(address) })
}
