// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package address parses e-mail addresses and reports which of them are the same inbox.
package address

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// MaxLength is the length of the longest address in bytes: a path of 256 less its angle brackets (RFC 5321 section 4.5.3.1.3).
const MaxLength = 254

var (
	errTooLong = errors.New("the address is longer than 254 bytes")
	errSyntax  = errors.New("not one plain e-mail address")
)

// Parse checks a plain `local@domain` and returns it with the domain in ASCII. It asks for no more than the API server does:
// net/mail would refuse addresses with dots in odd places, which exist and can be written in quotes.
func Parse(address string) (string, error) {
	if len(address) > MaxLength {
		return "", errTooLong
	}
	at := strings.LastIndexByte(address, '@')
	if at < 1 || at == len(address)-1 || !utf8.ValidString(address) {
		return "", errSyntax
	}
	local := address[:at]
	if strings.ContainsFunc(address, isInvisible) || strings.ContainsFunc(local, unicode.IsSpace) || strings.ContainsAny(local, `<>@"\`) {
		return "", errSyntax
	}
	domain, err := idna.Lookup.ToASCII(strings.ToLower(strings.TrimSuffix(address[at+1:], ".")))
	if err != nil || slices.Contains(strings.Split(domain, "."), "") {
		return "", errSyntax
	}
	if len(local)+1+len(domain) > MaxLength {
		return "", errTooLong
	}
	return local + "@" + domain, nil
}

func isInvisible(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }

// Inbox returns the form that all spellings of an address share. It ignores case: no server of note tells upper and lower case
// apart, and a change of case must not get around a limit on mails.
func Inbox(address string) string {
	if parsed, err := Parse(address); err == nil {
		address = parsed
	}
	return strings.ToLower(address)
}
