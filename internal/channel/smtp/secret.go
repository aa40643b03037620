// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"k8s.io/apimachinery/pkg/util/validation"
)

// The keys of an SMTP Secret.
const (
	keyHost     = "host"
	keyPort     = "port"
	keyUsername = "username"
	keyPassword = "password"
	keyFrom     = "from"
	keyTLS      = "tls"
	keyCA       = "ca.crt"
	keyHelo     = "heloName"
	keyAuth     = "auth"
	keyRate     = "rateLimit"
	keyConns    = "connections"
)

const (
	// maxRateLimit is the highest rateLimit, in mails per minute. One operator cannot send more.
	maxRateLimit = 60_000
	// maxConnections is the highest value of connections.
	maxConnections = 100
)

var secretKeys = []string{keyHost, keyPort, keyUsername, keyPassword, keyAuth, keyFrom, keyTLS, keyCA, keyHelo, keyRate, keyConns}

// errNoSMTPSecret means that a Secret is for something else. The user who names it in an Account may not be allowed to read it, so its keys
// are not named.
var errNoSMTPSecret = errors.New("it is not an SMTP Secret, since it has neither host nor from; name one that has both, or create one")

// ParseServer parses the data of an SMTP Secret. The error names every key of secretKeys that is wrong and says what to write. It quotes
// no value, because a value in the wrong key may be the password, and no other key. A line break at the end of a value, as `echo` leaves
// it, is dropped.
//
// An unknown key is an error: otherwise `pass` or `ca.pem` would be ignored silently, and the server's answer would point
// elsewhere.
func ParseServer(data map[string][]byte) (Server, error) {
	if len(data[keyHost])+len(data[keyFrom]) == 0 {
		return Server{}, errNoSMTPSecret
	}
	p := secretParser{data: data, illegible: map[string]bool{}}
	p.checkText()
	server := Server{
		Host:     p.host(),
		Port:     p.port(),
		From:     p.from(),
		Auth:     p.auth(),
		TLS:      p.tls(),
		CA:       p.ca(),
		HeloName: p.heloName(),

		RateLimit:      p.count(keyRate, maxRateLimit, "mails a minute", "60"),
		MaxConnections: p.count(keyConns, maxConnections, "connections at once", "3"),
	}
	server.Username, server.Password = p.credentials()
	p.unknownKeys()
	if len(p.problems) > 0 {
		return Server{}, errors.New(strings.Join(p.problems, "; "))
	}
	return server, nil
}

// secretParser collects everything that is wrong with a Secret, so that it can be corrected at once.
type secretParser struct {
	data     map[string][]byte
	problems []string
	// illegible are the keys whose text is wrong, whatever it should say.
	illegible map[string]bool
}

// problem adds one, unless the key is known to be illegible.
func (p *secretParser) problem(key, format string, args ...any) {
	if p.illegible[key] {
		return
	}
	p.problems = append(p.problems, fmt.Sprintf("key %q: ", key)+fmt.Sprintf(format, args...))
}

func (p *secretParser) value(key string) string { return strings.TrimSpace(string(p.data[key])) }

func (p *secretParser) host() string {
	host := p.value(keyHost)
	switch {
	case host == "":
		p.problem(keyHost, "is missing; write the SMTP server's name, such as smtp.example.com")
		return ""
	case strings.Contains(host, "/"):
		p.problem(keyHost, "must be a name without a scheme or a path; write smtp.example.com, not smtp://smtp.example.com")
		return ""
	}
	name, ok := hostName(host)
	if !ok {
		p.problem(keyHost, "must be a DNS name or an IP address, such as smtp.example.com; a port goes into the key %q", keyPort)
	}
	return name
}

// hostName checks a DNS name or an IP address and returns it as resolvers and certificate checks need it.
func hostName(host string) (string, bool) {
	if address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")); err == nil {
		return address.String(), true
	}
	name, err := idna.Lookup.ToASCII(strings.TrimSuffix(host, "."))
	if err != nil || len(validation.IsDNS1123Subdomain(name)) > 0 {
		return "", false
	}
	return name, true
}

func (p *secretParser) port() int {
	value := p.value(keyPort)
	if value == "" {
		return DefaultPort
	}
	port, err := strconv.Atoi(value)
	if err != nil || port < 1 || port > 65535 {
		p.problem(keyPort, "must be a number from 1 to 65535, such as 587 for StartTLS or 465 for Implicit")
		return 0
	}
	return port
}

func (p *secretParser) from() string {
	value := p.value(keyFrom)
	if value == "" {
		p.problem(keyFrom, "is missing; write the sender, such as Acme <no-reply@acme.example>")
		return ""
	}
	if _, err := parseSender(value); err != nil {
		p.problem(keyFrom, "must be one sender with a full address, such as Acme <no-reply@acme.example>; put a name that has "+
			"commas or other punctuation into double quotes")
		return ""
	}
	return value
}

func (p *secretParser) tls() TLSMode {
	switch mode := TLSMode(p.value(keyTLS)); mode {
	case "":
		return TLSStart
	case TLSStart, TLSImplicit, TLSNone:
		return mode
	}
	p.problem(keyTLS, "must be %s (the default), %s or %s, spelt like this", TLSStart, TLSImplicit, TLSNone)
	return ""
}

func (p *secretParser) ca() []byte {
	pem := p.data[keyCA]
	if len(strings.TrimSpace(string(pem))) == 0 {
		return nil
	}
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		p.problem(keyCA, "holds no certificate; write the CA's certificates in PEM form (-----BEGIN CERTIFICATE-----), or leave it out")
		return nil
	}
	return pem
}

func (p *secretParser) heloName() string {
	value := p.value(keyHelo)
	if value == "" {
		return ""
	}
	if inner, found := strings.CutPrefix(value, "["); found {
		// An address literal (RFC 5321 section 4.1.3).
		literal := strings.TrimPrefix(strings.TrimSuffix(inner, "]"), "IPv6:")
		if _, err := netip.ParseAddr(literal); err == nil && strings.HasSuffix(inner, "]") {
			return value
		}
	} else if name, err := idna.Lookup.ToASCII(value); err == nil && len(validation.IsDNS1123Subdomain(name)) == 0 {
		return name
	}
	p.problem(keyHelo, "must be a DNS name such as mail.acme.example, or an address in brackets such as [192.0.2.1]")
	return ""
}

func (p *secretParser) credentials() (username, password string) {
	username = p.value(keyUsername)
	// Only the line break is dropped: a password may begin or end with a space.
	password = strings.TrimRight(string(p.data[keyPassword]), "\r\n")
	switch {
	case username != "" && password == "":
		p.problem(keyPassword, "is missing; write it, or leave %q out too", keyUsername)
	case username == "" && password != "":
		p.problem(keyUsername, "is missing; write it, or leave %q out too", keyPassword)
	}
	for _, key := range []string{keyUsername, keyPassword} {
		if value := map[string]string{keyUsername: username, keyPassword: password}[key]; strings.ContainsFunc(value, unicode.IsControl) {
			p.problem(key, "must be one line of text without control characters")
		}
	}
	return username, password
}

// auth returns the mechanism to use; empty for the strongest that the server offers.
func (p *secretParser) auth() string {
	value := p.value(keyAuth)
	switch {
	case value == "" || value == AuthAuto:
		return ""
	case !slices.Contains(mechanisms, value):
		p.problem(keyAuth, "must be %s (the default) or one of %s, spelt like this", AuthAuto, strings.Join(mechanisms, ", "))
	case p.value(keyUsername) == "":
		p.problem(keyAuth, "needs the keys %q and %q; write them, or leave it out", keyUsername, keyPassword)
	}
	return value
}

// count parses a number from 1 to highest; 0 if there is none.
func (p *secretParser) count(key string, highest int, of, example string) int {
	value := p.value(key)
	if value == "" {
		return 0
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > highest {
		p.problem(key, "must be a number of %s from 1 to %d, such as %s; leave it out for no limit", of, highest, example)
		return 0
	}
	return n
}

func (p *secretParser) unknownKeys() {
	unknown := 0
	for key := range p.data {
		if !slices.Contains(secretKeys, key) {
			unknown++
		}
	}
	if unknown > 0 {
		p.problems = append(p.problems, fmt.Sprintf("%d of its keys are none of %s; remove them, or correct their names", unknown,
			strings.Join(secretKeys, ", ")))
	}
}
