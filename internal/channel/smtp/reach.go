// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Reach says at which addresses and ports the servers of tenants' Secrets may be. The zero value allows public addresses, and of their
// ports those that mail servers have. What it does not allow, Usher does not connect to, so that a tenant does not learn what is there.
type Reach struct {
	allowed []allowance
}

// allowance is a network that the platform allows, at a port: mailPorts if that is 0, and any port if it is anyPort.
type allowance struct {
	network netip.Prefix
	port    int
}

const anyPort = -1

// mailPorts are those of mail servers: RFC 5321, 8314 and 6409, and one that providers offer where the others are blocked.
var mailPorts = []int{25, 465, 587, 2525}

// ParseReach parses a comma-separated list of what is allowed besides: a network or an address, which allows its mail ports, or with a port
// after a colon, that port; * is every port. IPv6 has brackets before a port, as in 10.1.0.0/16:2526 and [2001:db8::7]:587.
func ParseReach(text string) (Reach, error) {
	var r Reach
	for _, entry := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		a, err := parseAllowance(entry)
		if err != nil {
			return Reach{}, err
		}
		r.allowed = append(r.allowed, a)
	}
	return r, nil
}

func parseAllowance(entry string) (allowance, error) {
	network, port, ok := splitEntry(entry)
	prefix, err := parseNetwork(network)
	if !ok || err != nil {
		return allowance{}, fmt.Errorf("%q is not a network; write 10.1.0.0/16, 10.1.0.0/16:2526 or [2001:db8::/32]:587", entry)
	}
	a := allowance{network: prefix}
	switch port {
	case "":
	case "*":
		a.port = anyPort
	default:
		if a.port, err = strconv.Atoi(port); err != nil || a.port < 1 || a.port > 65535 {
			return a, fmt.Errorf("%q has no port from 1 to 65535; write 10.1.0.0/16:2526, or 10.1.0.0/16:* for every port", entry)
		}
	}
	return a, nil
}

// splitEntry splits an entry into the network and the port, which is empty if there is none.
func splitEntry(entry string) (network, port string, ok bool) {
	if inner, bracketed := strings.CutPrefix(entry, "["); bracketed {
		network, rest, closed := strings.Cut(inner, "]")
		port, colon := strings.CutPrefix(rest, ":")
		return network, port, closed && (rest == "" || colon && port != "")
	}
	if strings.Count(entry, ":") == 1 {
		network, port, _ = strings.Cut(entry, ":")
		return network, port, port != ""
	}
	return entry, "", true
}

// parseNetwork parses a network, or an address, which is a network of one.
func parseNetwork(text string) (netip.Prefix, error) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked(), nil
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("parse an address: %w", err)
	}
	return netip.PrefixFrom(address, address.BitLen()), nil
}

// special are the networks whose addresses are not public: those of this machine, of the cluster and of the network that it is in, where
// clouds answer with credentials; and those that stand for others (RFC 6890).
var special = parsePrefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")

var (
	// global is the only part of IPv6 that has public addresses.
	global = netip.MustParsePrefix("2000::/3")
	// translated addresses have an IPv4 address at their end, which is where they lead to (RFC 6052).
	translated = netip.MustParsePrefix("64:ff9b::/96")
)

func parsePrefixes(texts ...string) (parsed []netip.Prefix) {
	for _, text := range texts {
		parsed = append(parsed, netip.MustParsePrefix(text))
	}
	return parsed
}

// Allows reports whether a tenant's server may be at an address.
func (r Reach) Allows(to netip.AddrPort) bool {
	address, port := to.Addr().Unmap().WithZone(""), int(to.Port())
	if translated.Contains(address) {
		bytes := address.As16()
		address = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	within, public := specialNetwork(address)
	if public && slices.Contains(mailPorts, port) {
		return true
	}
	return slices.ContainsFunc(r.allowed, func(a allowance) bool {
		return a.network.Contains(address) && (public || contains(within, a.network)) &&
			(a.port == anyPort || a.port == port || a.port == 0 && slices.Contains(mailPorts, port))
	})
}

// specialNetwork returns the network that an address is special by; it is public if there is none.
func specialNetwork(address netip.Addr) (network netip.Prefix, public bool) {
	i := slices.IndexFunc(special, func(p netip.Prefix) bool { return p.Contains(address) })
	switch {
	case i >= 0:
		return special[i], false
	case address.Is6() && !global.Contains(address):
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0), false
	}
	return netip.Prefix{}, true
}

// contains reports whether all of a network is in another. An allowance of more than a special network is about public addresses: 0.0.0.0/0
// does not allow 127.0.0.1.
func contains(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr()) && (outer.Bits() > 0 || inner.Bits() > 0 && !inner.Overlaps(global))
}

// errNotAllowed means that a tenant's server is at an address that the platform does not allow.
var errNotAllowed = errors.New("the platform does not allow this address")

// Control checks an address right before the connection to it: whatever names resolve to, it is the address that is connected to.
type Control func(network, address string, _ syscall.RawConn) error

// control returns the check of a server's address; nil if it may be anywhere.
func (r Reach) control(server Server) Control {
	if server.Trusted {
		return nil
	}
	return func(_, address string, _ syscall.RawConn) error {
		if to, err := netip.ParseAddrPort(address); err != nil || !r.Allows(to) {
			return errNotAllowed
		}
		return nil
	}
}
