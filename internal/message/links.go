// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message

import (
	"strings"
	"unicode"
)

// Name makes a user's text harmless where it stands for a name, in a mail to someone else: it is OneLine, without anything that a mail
// program would turn into a link by itself. Such a text gets a space, "evil. example": it can be read, and not followed. Texts that are
// addresses by definition are written with mailbox.
//
// It does not ask whether a domain exists, since there are new top-level domains every month.
func Name(s string) string { return cut(strings.Join(strings.Fields(unlink(OneLine(s))), " ")) }

// mailbox makes an e-mail address harmless in a mail. Mail programs turn it into a link that writes a mail to it, which is what it is for.
// One whose local part could be a web page, as in evil.example/login@acme.example, becomes a Name.
func mailbox(address string) string {
	local, _, _ := strings.Cut(address, "@")
	if strings.ContainsAny(local, "/?#") || strings.HasPrefix(strings.ToLower(local), "www.") {
		return Name(address)
	}
	return OneLine(address)
}

// dots separate the labels of a domain for browsers (UTS 46).
const dots = ".\u3002\uff0e\uff61\u2024\ufe52"

// unlink puts a space into everything that looks like the address of a web page or a mailbox.
func unlink(s string) string {
	runes := []rune(s)
	var b strings.Builder
	for i, r := range runes {
		b.WriteRune(r)
		if leadsOn(runes[:i], r, runes[i+1:]) {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// leadsOn reports whether r could make what stands before and after it a link.
func leadsOn(before []rune, r rune, after []rune) bool {
	if len(before) == 0 || len(after) == 0 || unicode.IsSpace(after[0]) || unicode.IsSpace(before[len(before)-1]) {
		return (r == '/' || r == '\\') && len(after) > 0 && after[0] == r // as in //evil.example, which has nothing before it
	}
	last, next := before[len(before)-1], after[0]
	switch {
	case strings.ContainsRune(dots, r):
		return dotLeadsOn(before, after)
	case r == '@':
		return inLabel(next)
	case r == ':': // the end of a scheme, such as mailto: and tel:; not 10:30
		return !unicode.IsDigit(last) || !unicode.IsDigit(next)
	case r == '/' || r == '\\':
		return next == r
	}
	return false
}

// dotLeadsOn reports whether a dot could be part of a domain or of an IPv4 address. No top-level domain has one letter, so initials are
// not separated, and none consists of digits.
func dotLeadsOn(before, after []rune) bool {
	end := 0
	for end < len(after) && inLabel(after[end]) {
		end++
	}
	switch {
	case startsHost(before):
		return true
	case end == 0, after[0] == '-':
		return false
	case strings.Trim(string(after[:end]), "0123456789") == "":
		return inIPv4(before, after)
	}
	return end > 1
}

// startsHost reports whether a text ends with a word that mail programs take for the beginning of an address, whatever follows.
func startsHost(before []rune) bool {
	start := len(before)
	for start > 0 && before[start-1] <= unicode.MaxASCII && inLabel(before[start-1]) && before[start-1] != '-' {
		start--
	}
	word := strings.ToLower(string(before[start:]))
	return word == "www" || word == "ftp"
}

// inIPv4 reports whether a dot between two texts is one of the three in an IPv4 address.
func inIPv4(before, after []rune) bool {
	start, end := len(before), 0
	numeric := func(r rune) bool { return r >= '0' && r <= '9' || strings.ContainsRune(dots, r) }
	for start > 0 && numeric(before[start-1]) {
		start--
	}
	for end < len(after) && numeric(after[end]) {
		end++
	}
	count := func(runes []rune) (n int) {
		for _, r := range runes {
			if strings.ContainsRune(dots, r) {
				n++
			}
		}
		return n
	}
	return count(before[start:])+1+count(after[:end]) >= 3
}

// inLabel reports whether a label of a domain can have a character, as mail programs see it: also those that no one sees.
func inLabel(r rune) bool {
	return unicode.In(r, unicode.L, unicode.N, unicode.M, unicode.Cf) || r == '-' || r == '_' || unicode.Is(unicode.So, r)
}
