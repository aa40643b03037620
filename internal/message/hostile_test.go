// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// hostileTexts try to leave their place in the mail.
var hostileTexts = map[string]string{
	"header":        "Ada\r\nBcc: all@acme.example\r\nX-Evil: yes",
	"bare LF":       "Ada\nBcc: all@acme.example",
	"bare CR":       "Ada\rBcc: all@acme.example",
	"end of header": "Ada\r\n\r\n<h1>Hello</h1>",
	"end of mail":   "Ada\r\n.\r\nMAIL FROM:<evil@acme.example>",
	"U+2028":        "Ada\u2028Bcc: all@acme.example",
	"U+0085":        "Ada\u0085Bcc: all@acme.example",
	"NUL":           "Ada\x00Bcc: all@acme.example",
	"HTML":          `<script>alert("x")</script><img src="http://evil.example/x.png">`,
	"attribute":     `" onmouseover="x" style="`,
	"address":       `Ada" <evil@acme.example>, "x`,
	"encoded word":  "=?utf-8?q?Ada=0D=0ABcc:_all@acme.example?=",
	"a bare domain": "Ada, see www.evil.example",
	"placeholder":   "{expires} {account} {{.Link}}",
	"override":      "Ada \u202egro.live\u202c \u2066x",
	"invalid UTF-8": "Ada \xff\xfe \xc0\xaf",
	"second link":   "Ada, see https://evil.example/login",
	"very long":     strings.Repeat("Ada ", 20_000),
	"one long word": strings.Repeat("ä", 5_000),
}

// withText returns each kind of mail with a text wherever a user can put one.
func withText(text string) map[string]message.Message {
	i := invitation()
	i.Name, i.AccountName, i.Role, i.ContactPhone = text, text, text, text
	mails := map[string]message.Message{"invitation": i}
	for _, to := range []usherv1.EndNoticeRecipient{usherv1.NoticeToMember, usherv1.NoticeToContact} {
		e := expiryNotice(to, "en-GB")
		e.Name, e.AccountName, e.ContactPhone = text, text, text
		if to == usherv1.NoticeToContact {
			e.Member = text
		}
		mails["expiry to "+string(to)] = e
	}
	for _, to := range bothAddresses {
		m := emailChange(to, "en-GB")
		m.Name, m.AccountName, m.ContactPhone = text, text, text
		mails["change to "+string(to)] = m
	}
	for _, kind := range credentials.PasswordMailKinds {
		m := password(kind, "en-GB")
		m.Name, m.AccountName, m.ContactPhone = text, text, text
		mails[string(kind)] = m
	}
	return mails
}

// Text from users must not leave its place in the mail.
func TestComposeWithHostileText(t *testing.T) {
	harmless := withText("Ada")
	for name, text := range hostileTexts {
		for kind, m := range withText(text) {
			t.Run(name+" in "+kind, func(t *testing.T) {
				_, usual := compose(t, harmless[kind])
				raw, read := compose(t, m)
				if got, want := slices.Sorted(maps.Keys(read.Header)), slices.Sorted(maps.Keys(usual.Header)); !slices.Equal(got, want) {
					t.Errorf("headers are %q, want %q", got, want)
				}
				expectOneRecipient(t, read, usual)
				if strings.ContainsAny(read.Subject, "\r\n\x00\u202e") {
					t.Errorf("subject is %q", read.Subject)
				}
				for _, line := range strings.Split(string(raw), "\r\n") {
					if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
						t.Errorf("a line of %d bytes: %.80q", len(line), line)
					}
				}
				for _, forbidden := range []string{"<script", "<img", "<h1>", ` onmouseover="x"`, "\u202e", "\u2066"} {
					if strings.Contains(read.HTML, forbidden) {
						t.Errorf("the HTML part has %q in it", forbidden)
					}
				}
				if got, want := read.Links(), usual.Links(); !slices.Equal(got, want) {
					t.Errorf("links are %q, want %q", got, want)
				}
				if strings.Count(read.HTML, "://") != strings.Count(usual.HTML, "://") {
					t.Error("the HTML part has another link in it")
				}
				if !utf8.ValidString(read.Text) || !utf8.ValidString(read.HTML) || !utf8.ValidString(read.Subject) {
					t.Error("the mail is not valid UTF-8")
				}
				if len(raw) > 64<<10 {
					t.Errorf("the mail has %d bytes", len(raw))
				}
			})
		}
	}
}

func expectOneRecipient(t *testing.T, read, usual smtpsink.Mail) {
	t.Helper()
	want, err := usual.Header.AddressList("To")
	if err != nil {
		t.Fatal(err)
	}
	if to, err := read.Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != want[0].Address {
		t.Errorf("To is %v: %v", to, err)
	}
}
