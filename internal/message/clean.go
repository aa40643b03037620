// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message

import (
	"strings"
	"unicode"
)

// maxValue is the maximum length of a user's text in a mail, in characters. No name is longer, a long one would hide the rest of
// the mail, and every address fits.
const maxValue = 256

// rightToLeft are the scripts that are written from right to left.
var rightToLeft = []*unicode.RangeTable{
	unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko, unicode.Samaritan, unicode.Mandaic, unicode.Adlam,
}

// unlikely removes what no name contains: the middle of a web address, which a mail program would turn into a second link, and
// the beginning of an encoded word (RFC 2047), which it would decode although we did not encode it.
var unlikely = strings.NewReplacer("://", " ", "=?", "= ?")

// OneLine makes a user's text harmless wherever it is written: one line of limited length, without control characters, without
// marks that reverse the text after it, and without schemes of web addresses or encoded words. A text that stands for a name needs Name.
func OneLine(s string) string { return cut(oneLine(s)) }

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
	return strings.Join(strings.Fields(unlikely.Replace(s)), " ")
}

// cut shortens a text to maxValue characters.
func cut(s string) string {
	if runes := []rune(s); len(runes) > maxValue {
		return strings.TrimSpace(string(runes[:maxValue-1])) + "…"
	}
	return s
}

// isolate keeps a right-to-left value from reordering the plain text around it (Unicode standard annex 9, FSI and PDI). In HTML,
// <bdi> does that.
func isolate(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.In(r, rightToLeft...) }) {
		return "\u2068" + s + "\u2069"
	}
	return s
}
