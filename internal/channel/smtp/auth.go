// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail/smtp"
)

const (
	// AuthAuto uses the strongest mechanism that the server offers. This is the default.
	AuthAuto = "Auto"

	scramSHA256Plus = "SCRAM-SHA-256-PLUS"
	scramSHA256     = "SCRAM-SHA-256"
	scramSHA1       = "SCRAM-SHA-1"
	cramMD5         = "CRAM-MD5"
	plain           = "PLAIN"
	login           = "LOGIN"
)

// mechanisms are those that Usher knows, the strongest first. PLAIN and LOGIN send the password itself.
var mechanisms = []string{scramSHA256Plus, scramSHA256, scramSHA1, cramMD5, plain, login}

// Bounds of what a server can make the client compute.
const (
	// minIterations is how often SCRAM hashes the password at least (RFC 7677 section 4): with fewer, a server could find the password out
	// from the client's proof.
	minIterations = 4_096
	// maxIterations is how often SCRAM hashes the password at most: servers use some ten thousands. A hash cannot be interrupted, and 100,000
	// take some hundredths of a second.
	maxIterations = 100_000
	// maxChallenge bounds a challenge, in bytes of its base64 (RFC 4954 section 4).
	maxChallenge = 12_288
	// maxChallenges bounds the challenges of one authentication. LOGIN and SCRAM have three.
	maxChallenges = 5
)

var (
	errNoAuth         = errors.New("the server offers no supported authentication")
	errAuthNotOffered = errors.New("the server does not offer the mechanism that is asked for")
	errIterations     = errors.New("the server asks for too few or too many iterations")
	errChallenge      = errors.New("the server's challenge is not one of this mechanism")
)

// authenticate logs in. If the server refuses a mechanism that proves the password without sending it, authenticate sends the password
// over TLS, once: many servers keep only a hash, with which CRAM-MD5 and SCRAM cannot work, and offer them all the same. What worked is
// remembered, since servers lock out clients whose logins fail.
func (c *conversation) authenticate() error {
	offered := c.offeredMechanisms()
	first, err := c.choose(offered)
	if err != nil {
		return err
	}
	refused := c.try(first)
	second := fallback(first, refused, offered)
	if second == "" || c.server.Auth != "" || !c.encrypted() {
		return refused
	}
	switch err := c.try(second); {
	case err == nil:
		c.memory.remember(c.server, second)
		return nil
	case !isReply(err): // the server hangs up after the first refusal: the next conversation begins with the other mechanism
		c.memory.remember(c.server, second)
		return refused
	default:
		c.memory.remember(c.server, "")
		return err
	}
}

// offeredMechanisms returns the mechanisms that Usher knows and the server offers, the strongest first.
func (c *conversation) offeredMechanisms() []string {
	parameters, _ := c.client.offers("AUTH")
	said := strings.Fields(strings.ToUpper(parameters))
	return slices.DeleteFunc(slices.Clone(mechanisms), func(m string) bool {
		return !slices.Contains(said, m) || m == scramSHA256Plus && !c.encrypted()
	})
}

// choose returns the mechanism to begin with.
func (c *conversation) choose(offered []string) (string, error) {
	if wanted := c.server.Auth; wanted != "" {
		if !slices.Contains(offered, wanted) {
			return "", errAuthNotOffered
		}
		return wanted, nil
	}
	if worked := c.memory.mechanism(c.server); slices.Contains(offered, worked) && c.encrypted() {
		return worked, nil
	}
	if len(offered) == 0 {
		return "", errNoAuth
	}
	return offered[0], nil
}

// fallback returns the mechanism to try after one has failed; empty if there is none. A mechanism that the server does not know after all
// (504) is followed by the next one; a password that was sent and refused is wrong.
func fallback(failed string, err error, offered []string) string {
	refused, reply := errors.AsType[*textproto.Error](err)
	switch {
	case err == nil, reply && refused.Code/100 != 5, !reply && isNetwork(err):
		return ""
	case failed == login, failed == plain && (!reply || refused.Code != 504):
		return ""
	}
	for _, m := range []string{plain, login} {
		if m != failed && slices.Contains(offered, m) {
			return m
		}
	}
	return ""
}

// try authenticates with one mechanism. A challenge that the client cannot answer is answered with "*" (RFC 4954 section 4), so that the
// connection can be used for another mechanism.
func (c *conversation) try(mechanism string) error {
	auth := c.mechanism(mechanism)
	name, response, err := auth.Start(&smtp.ServerInfo{Name: c.server.Host, TLS: c.encrypted()})
	if err != nil {
		return err
	}
	command := "AUTH " + name
	if response != nil {
		command += " " + base64.StdEncoding.EncodeToString(response)
	}
	for range maxChallenges + 1 {
		code, text, err := c.client.command(0, "%s", command)
		switch {
		case err != nil:
			return err
		case code == 235:
			return nil
		case code != 334:
			return &textproto.Error{Code: code, Msg: text}
		}
		response, err := answerTo(auth, text)
		if err != nil {
			if _, _, cancelled := c.client.command(501, "*"); cancelled != nil && !isReply(cancelled) {
				return cancelled
			}
			return err
		}
		command = base64.StdEncoding.EncodeToString(response)
	}
	return errChallenge
}

// answerTo returns the response to a challenge.
func answerTo(auth smtp.Auth, text string) ([]byte, error) {
	if text = strings.TrimSpace(text); len(text) > maxChallenge {
		return nil, errChallenge
	}
	challenge, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	return auth.Next(challenge, true)
}

func (c *conversation) mechanism(name string) smtp.Auth {
	username, password, inClear := c.server.Username, c.server.Password, c.server.TLS == TLSNone
	switch name {
	case scramSHA256Plus:
		return &boundedSCRAM{Auth: smtp.ScramSHA256PlusAuth(username, password, c.tlsState())}
	case scramSHA256:
		return &boundedSCRAM{Auth: smtp.ScramSHA256Auth(username, password)}
	case scramSHA1:
		return &boundedSCRAM{Auth: smtp.ScramSHA1Auth(username, password)}
	case cramMD5:
		return smtp.CRAMMD5Auth(username, password)
	case login:
		return smtp.LoginAuth(username, password, c.server.Host, inClear)
	}
	return smtp.PlainAuth("", username, password, c.server.Host, inClear)
}

// encrypted reports whether the connection is encrypted.
func (c *conversation) encrypted() bool { return c.tlsState() != nil }

// tlsState returns the state of TLS; nil if the connection is not encrypted.
func (c *conversation) tlsState() *tls.ConnectionState {
	conn, ok := c.client.conn.(*tls.Conn)
	if !ok {
		return nil
	}
	state := conn.ConnectionState()
	return &state
}

// boundedSCRAM hashes the password once, with as many iterations as the bounds allow.
type boundedSCRAM struct {
	smtp.Auth
	hashed bool
}

// Next implements smtp.Auth.
func (b *boundedSCRAM) Next(fromServer []byte, more bool) ([]byte, error) {
	if more && bytes.HasPrefix(fromServer, []byte("r=")) {
		if b.hashed {
			return nil, errChallenge
		}
		b.hashed = true
		if n, ok := iterations(fromServer); !ok || n < minIterations || n > maxIterations {
			return nil, errIterations
		}
	}
	return b.Auth.Next(fromServer, more)
}

// iterations returns the count of SCRAM's first message from the server (RFC 5802 section 7).
func iterations(fromServer []byte) (n int, ok bool) {
	fields := bytes.Split(fromServer, []byte(","))
	if len(fields) < 3 {
		return 0, false
	}
	count, found := bytes.CutPrefix(fields[2], []byte("i="))
	n, err := strconv.Atoi(string(count))
	return n, found && err == nil
}

// isReply reports whether err is a reply of the server.
func isReply(err error) bool {
	_, ok := errors.AsType[*textproto.Error](err)
	return ok
}
