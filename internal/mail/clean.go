// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"strings"
	"unicode"
)

// maxValue is how much of a user's text gets into a mail, in characters; no name is longer, and a mail that is drowned in one
// helps nobody. An address fits whole.
const maxValue = 256

// rightToLeft are the scripts that run from right to left.
var rightToLeft = []*unicode.RangeTable{
	unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko, unicode.Samaritan, unicode.Mandaic, unicode.Adlam,
}

// unlikely takes away what no name has: the middle of a web address, which a mail program would make a second link of, and the
// beginning of an encoded word (RFC 2047), which it would decode where a header holds one that we have not encoded.
var unlikely = strings.NewReplacer("://", " ", "=?", "= ?")

// oneLine makes a user's text harmless wherever it is written: one line, no control characters, no marks that turn around the
// text after it, nothing that reads as more than text, and not endless.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
			return ' '
		case unicode.Is(unicode.Bidi_Control, r), r == '\ufeff':
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	s = unlikely.Replace(s)
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > maxValue {
		s = strings.TrimSpace(string(runes[:maxValue-1])) + "…"
	}
	return s
}

// isolate keeps a right-to-left value from reordering the plain text around it (Unicode standard annex 9, FSI and PDI). HTML has
// <bdi> for that.
func isolate(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.In(r, rightToLeft...) }) {
		return "\u2068" + s + "\u2069"
	}
	return s
}
