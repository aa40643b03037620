// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/internal/invite"
)

func someToken(t testing.TB) string {
	keys, err := invite.NewKeyring(bytes.Repeat([]byte{7}, invite.KeyLength))
	if err != nil {
		t.Fatal(err)
	}
	return keys.Token("uid-1", 1, "ada@acme.example")
}

// dressings are what mail programs, and people who copy a link by hand, add to a link.
var dressings = []string{
	".", ",", ";", ":", "!", "…", ">", ">.", ")", ").", "]", "}", "'", `"`, "’", "”", "»", "`", "*", "**", "|", "\\", "_", "-", "--",
	"=", "=\r\n", " ", "\t", "\r\n", "\n", "\u00a0", "\u200b", "\ufeff", " and then", ". Then choose a password.", "/", "//", "/.", "/>", "/)", "/ ",
	"&gt;", "&quot;", "</a>", ">https://acme.example", "%20", "%3E", "%2F", "。", "%0D%0A", "&nbsp;", "\x00", "\xff", "^", "~", "@", "+", "$",
}

func TestWhatIsAddedToATokenIsTakenOff(t *testing.T) {
	g := NewWithT(t)
	token := someToken(t)
	g.Expect(undressed(token)).To(Equal(token))
	for _, dressing := range dressings {
		g.Expect(undressed(token+dressing)).To(Equal(token), "%q", dressing)
	}
	for _, broken := range []string{"=\r\n", "=\n", "\r\n ", " ", "=", "\u00ad", "\u200b"} {
		for _, at := range []int{1, 20, 47} {
			g.Expect(undressed(token[:at]+broken+token[at:]+">")).To(Equal(token), "%q", broken)
		}
		g.Expect(undressed(broken + token)).To(Equal(token))
		g.Expect(joined("ac" + broken + "me")).To(Equal("acme"))
	}
	for _, none := range []string{"", token + "A", token + "0>", "=" + token + "z", token + token} {
		g.Expect(undressed(none)).To(Equal(none), "no token")
	}
	g.Expect(undressed(token[:46]+">")).To(Equal(token[:46]), "Verify knows whether it has lost its end")
}

// What is left is a token, or nothing that opens a link.
func FuzzUndressed(f *testing.F) {
	for _, dressing := range dressings {
		f.Add("", dressing)
		f.Add(dressing, "")
	}
	f.Add("=\r\n", ">")
	token := someToken(f)
	f.Fuzz(func(t *testing.T, within, after string) {
		segment := token[:20] + within + token[20:] + after
		left := undressed(segment)
		if len(left) > invite.TokenLength && left != segment {
			t.Fatalf("%q is made of %q", left, segment)
		}
		if again := undressed(left); again != left {
			t.Fatalf("%q, and then %q", left, again)
		}
		isBroken := strings.Map(func(r rune) rune {
			if isBreak(r) {
				return -1
			}
			return r
		}, within) == ""
		next, _ := utf8.DecodeRuneInString(after)
		want := isBroken && (after == "" || !isAlphanumeric(next))
		if (left == token) != want && within == "" {
			t.Fatalf("%q is left of %q", left, segment)
		}
		if want && left != token {
			t.Fatalf("%q is left of %q", left, segment)
		}
	})
}
