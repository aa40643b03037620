// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"strings"
	"unicode"

	"github.com/usher-dev/usher/internal/invite"
)

// undressed returns the token that a segment of a path begins with. Mail programs make more of a text into a link than the link, such as
// the full stop after it, and break long lines. A segment that begins with no token is returned as it is, and opens nothing.
func undressed(segment string) string {
	var token strings.Builder
	for _, r := range segment {
		switch full := token.Len() == invite.TokenLength; {
		case full && isAlphanumeric(r):
			return segment // longer than a token
		case full:
			return token.String()
		case isAlphanumeric(r) || r == '-' || r == '_':
			token.WriteRune(r)
		case !isBreak(r):
			return token.String() // perhaps all of a token that has lost its end
		}
	}
	return token.String()
}

// joined returns a name without the breaks in it, which no name contains.
func joined(name string) string {
	return strings.Map(func(r rune) rune {
		if isBreak(r) {
			return -1
		}
		return r
	}, name)
}

// isBreak reports whether r is part of what breaks a line: "=" and a line break in quoted-printable, spaces, invisible characters.
func isBreak(r rune) bool { return r == '=' || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }

func isAlphanumeric(r rune) bool {
	return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
}
