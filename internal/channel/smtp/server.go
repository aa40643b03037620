// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp

import (
	"net"
	"strconv"
	"strings"

	"github.com/usher-dev/usher/internal/channel"
)

// TLSMode is how a conversation with a server is encrypted.
type TLSMode string

const (
	// TLSStart upgrades with STARTTLS (RFC 3207), and fails without it. This is the default.
	TLSStart TLSMode = "StartTLS"
	// TLSImplicit speaks TLS from the first byte (RFC 8314), usually on port 465.
	TLSImplicit TLSMode = "Implicit"
	// TLSNone does not encrypt. If there is a password, it is sent in clear text.
	TLSNone TLSMode = "None"
)

// DefaultPort is the submission port (RFC 6409).
const DefaultPort = 587

// Server is an SMTP server and how to talk to it, as defined by a Secret. It implements channel.Endpoint.
type Server struct {
	// Trusted is set if the Secret is the platform's own: the server may be at any address. One of a tenant is where Reach allows.
	Trusted bool
	// Host is a DNS name or an IP address; it is also the name that the server's certificate must carry.
	Host string
	// Port, default DefaultPort.
	Port int
	// Username and Password; both or neither.
	Username string `json:"-"`
	Password string `json:"-"`
	// From is the sender as in the mail's header, such as `Acme <no-reply@acme.example>`.
	From string
	// Auth is the mechanism to authenticate with, such as PLAIN; empty for the strongest that the server offers.
	Auth string
	// TLS, default TLSStart.
	TLS TLSMode
	// CA holds PEM certificates that are trusted besides the system's; may be empty.
	CA []byte
	// RateLimit is the maximum number of mails per minute; 0 means no limit.
	RateLimit int
	// MaxConnections is the maximum number of connections at once; 0 means no limit.
	MaxConnections int
	// HeloName is the client's name in EHLO. If it is empty, the name is From's domain: the name of a pod is not a domain name, and
	// many servers insist on one.
	HeloName string
}

var _ channel.Endpoint = Server{}

// String implements channel.Endpoint: it returns host and port, so that a Server can be printed without its credentials.
func (s Server) String() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// GoString returns String: %#v must not print the password either.
func (s Server) GoString() string { return s.String() }

// RatePerMinute implements channel.Endpoint.
func (s Server) RatePerMinute() int { return s.RateLimit }

// Connections implements channel.Endpoint.
func (s Server) Connections() int { return s.MaxConnections }

// MessageID implements channel.Endpoint: the domain is that of the sender.
func (s Server) MessageID(local string) string { return local + "@" + s.Domain() }

// Domain returns the domain of From in ASCII and in lower case. It is "invalid" (RFC 2606) for a From that ParseServer would have
// refused.
func (s Server) Domain() string {
	from, err := parseSender(s.From)
	if err != nil {
		return "invalid"
	}
	return from.Address[strings.LastIndexByte(from.Address, '@')+1:]
}

func (s Server) heloName() string {
	if s.HeloName != "" {
		return s.HeloName
	}
	return s.Domain()
}
