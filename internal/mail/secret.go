// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

// TLSMode is how the conversation with a server is encrypted.
type TLSMode string

const (
	// TLSStart upgrades with STARTTLS (RFC 3207) and goes no further without it. The default.
	TLSStart TLSMode = "StartTLS"
	// TLSImplicit speaks TLS from the first byte (RFC 8314), usually on port 465.
	TLSImplicit TLSMode = "Implicit"
	// TLSNone does not encrypt, and sends the password in clear if there is one.
	TLSNone TLSMode = "None"
)

// DefaultPort is the submission port (RFC 6409).
const DefaultPort = 587

// Server is an SMTP server and how to talk to it, as its Secret says.
type Server struct {
	// Host is a DNS name or an IP address; it is also the name that the server's certificate must carry.
	Host string
	// Port, default DefaultPort.
	Port int
	// Username and Password; both or neither.
	Username string `json:"-"`
	Password string `json:"-"`
	// From is the sender as in the mail's header, such as `Acme <no-reply@acme.example>`.
	From string
	// TLS, default TLSStart.
	TLS TLSMode
	// CA holds PEM certificates that are trusted besides the system's; may be empty.
	CA []byte
	// RateLimit is how many mails it may be given a minute; 0 for as many as there are.
	RateLimit int
	// HeloName is what we call ourselves in EHLO; empty means From's domain, since a pod's own name is not a domain name
	// and many servers insist on one.
	HeloName string
}

// String names the server without its credentials, so that a Server can be printed.
func (s Server) String() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// GoString is String: %#v must not print the password either.
func (s Server) GoString() string { return s.String() }

// Domain is the domain of From in its ASCII form and in lower case. It is "invalid" (RFC 2606) for a From that ParseServer
// would not have let through.
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

// MessageID is the Message-ID of one link's mail, without angle brackets: the same on every attempt, another one for the
// next link (RFC 5322 section 3.6.4).
func MessageID(invitation types.UID, linkGeneration int64, server Server) string {
	return fmt.Sprintf("%s.%d@%s", invitation, linkGeneration, server.Domain())
}

// ReminderID is the Message-ID of a reminder of a mail: that mail's own with the point in it, and so the same on every attempt.
func ReminderID(messageID, before string) string {
	id, domain, _ := strings.Cut(messageID, "@")
	return id + "." + before + "@" + domain
}

// parseSender parses From as the header has it. The limit keeps a parser away from text that no header could hold.
func parseSender(from string) (*mail.Address, error) {
	const maxSender = maxAddress + 512
	if len(from) > maxSender {
		return nil, errAddressTooLong
	}
	parsed, err := mail.ParseAddress(from)
	if err != nil {
		return nil, err
	}
	address, err := parseAddress(parsed.Address)
	if err != nil {
		return nil, err
	}
	return &mail.Address{Name: parsed.Name, Address: address}, nil
}
