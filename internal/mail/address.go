// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"errors"
	"net/mail"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// maxAddress is the longest address in bytes: a path of 256 less its angle brackets (RFC 5321 section 4.5.3.1.3).
const maxAddress = 254

var (
	errAddressTooLong = errors.New("the address is longer than 254 bytes")
	errAddressSyntax  = errors.New("not one plain e-mail address")
)

// parseAddress checks a plain `local@domain` and returns it with the domain in ASCII. It asks for no more than the API server
// does: net/mail would refuse addresses with odd dots that do exist, and that quoting makes writable.
func parseAddress(address string) (string, error) {
	if len(address) > maxAddress {
		return "", errAddressTooLong
	}
	at := strings.LastIndexByte(address, '@')
	if at < 1 || at == len(address)-1 || !utf8.ValidString(address) {
		return "", errAddressSyntax
	}
	local := address[:at]
	if strings.ContainsFunc(address, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) ||
		strings.ContainsFunc(local, unicode.IsSpace) || strings.ContainsAny(local, `<>@"\`) {
		return "", errAddressSyntax
	}
	domain, err := idna.Lookup.ToASCII(strings.ToLower(strings.TrimSuffix(address[at+1:], ".")))
	if err != nil || slices.Contains(strings.Split(domain, "."), "") {
		return "", errAddressSyntax
	}
	if len(local)+1+len(domain) > maxAddress {
		return "", errAddressTooLong
	}
	return local + "@" + domain, nil
}

// Inbox is the address in the form that all spellings of it share. Upper and lower case are not told apart: no server of note
// does, and whoever counts mails must not be got round by that.
func Inbox(address string) string {
	if parsed, err := parseAddress(address); err == nil {
		address = parsed
	}
	return usherv1.EmailAddress(address).Key()
}

// smtpPath is the address as MAIL FROM and RCPT TO take it, in angle brackets, its local part quoted where it must be.
func smtpPath(address string) string { return (&mail.Address{Address: address}).String() }

// needsUTF8 tells whether a server must know SMTPUTF8 to take this address (RFC 6531).
func needsUTF8(address string) bool {
	return strings.ContainsFunc(address, func(r rune) bool { return r > unicode.MaxASCII })
}
