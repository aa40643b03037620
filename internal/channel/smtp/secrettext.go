// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// invisible are the characters that users meet under a name of their own.
var invisible = map[rune]string{
	'\u00ad': "a soft hyphen",
	'\u200b': "a zero-width space",
	'\u200c': "a zero-width non-joiner",
	'\u200d': "a zero-width joiner",
	'\u200e': "a left-to-right mark",
	'\u200f': "a right-to-left mark",
	'\u2060': "a word joiner",
	'\ufeff': "a byte order mark",
}

// The longest values, in bytes: what a Secret can hold would be read, hashed and parsed with every conversation.
const (
	maxValue = 4 << 10
	maxCA    = 256 << 10
)

// checkText names the values that are too long, or have characters which no one sees, such as the byte order mark that some editors write
// at the beginning of a file. They would make a password wrong and a host unknown, and the value looks right.
func (p *secretParser) checkText() {
	for _, key := range secretKeys {
		value := string(p.data[key])
		longest, what := maxValue, ""
		if key == keyCA {
			longest = maxCA
		}
		if len(value) > longest {
			what = fmt.Sprintf("has %d KiB; it may have at most %d", len(value)>>10, longest>>10)
		} else if !utf8.ValidString(value) {
			what = "is not UTF-8 text; save it as UTF-8 without a byte order mark"
		} else if at := strings.IndexFunc(value, p.hiddenIn(key)); at >= 0 {
			r, _ := utf8.DecodeRuneInString(value[at:])
			what = "has " + nameOf(r) + whereabouts(value, at) + ", which is invisible; write the value without it"
		}
		if what != "" {
			p.problem(key, "%s", what)
			p.illegible[key] = true
		}
	}
}

// hiddenIn returns what the value of a key must not have. The name of a sender may have joiners and marks of direction, which some
// scripts need.
func (p *secretParser) hiddenIn(key string) func(rune) bool {
	if key == keyFrom {
		return func(r rune) bool { return strings.ContainsRune("\u00ad\u200b\u2060\ufeff", r) }
	}
	return func(r rune) bool { return unicode.Is(unicode.Cf, r) }
}

func nameOf(r rune) string {
	if name, known := invisible[r]; known {
		return fmt.Sprintf("%s (%U)", name, r)
	}
	return fmt.Sprintf("the character %U", r)
}

func whereabouts(value string, at int) string {
	value = strings.TrimRight(value, "\r\n")
	switch _, size := utf8.DecodeRuneInString(value[at:]); {
	case at == 0:
		return " at the beginning"
	case at+size == len(value):
		return " at the end"
	}
	return ""
}
