// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp

import (
	"bytes"
	"errors"
	"maps"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// Every address that has a mailbox is exactly one path in a command, and one address in a header.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{
		"ada@acme.example", "ADA@Acme.Example", "zoé@société.example", "a.b..c@x.example", ".a@x", `"a b"@x.example`, "a@[192.0.2.1]",
		"a@b@c", "<a@x>", "a@x>\r\nRCPT TO:<b@y", "a@x\x00", "a\u202e@x", "a\u0085b@x", "a\u2028b@x", "a@x.example.", "a@xn--a", "a@-",
		"@x", "a@", "a b@x", "a\\@x", "a;b@x", "(c)a@x", "a@x(c)", "a@ß.example", "a@\u3002x", "🙂@x.example", "a@🙂.example", "\xff@x",
		strings.Repeat("a", 242) + "@acme.example", strings.Repeat("a", 241) + "@acme.example", "a@" + strings.Repeat("é", 126),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		plain, err := usherv1.EmailAddress(in).Mailbox()
		if err != nil {
			return
		}
		if len(in) > usherv1.MaxEmailBytes || len(plain) > usherv1.MaxEmailBytes {
			t.Errorf("%q has %d bytes, and %d as it is sent", in, len(in), len(plain))
		}
		if again, err := usherv1.EmailAddress(plain).Mailbox(); err != nil || again != plain {
			t.Errorf("%q is %q, and that is %q: %v", in, plain, again, err)
		}
		path := smtpPath(plain)
		if !oneArgument(path) {
			t.Errorf("%q becomes the path %q", in, path)
		}
		parsed, err := netmail.ParseAddress(path)
		if err != nil || parsed.Address != plain || parsed.Name != "" {
			t.Errorf("the path %q reads as %+v: %v", path, parsed, err)
		}
	})
}

// oneArgument reports whether a path is exactly one argument of a command (RFC 5321 section 4.1.2).
func oneArgument(path string) bool {
	if !strings.HasPrefix(path, "<") || !strings.HasSuffix(path, ">") || !utf8.ValidString(path) {
		return false
	}
	quoted := false
	for i, r := range path {
		switch {
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return false
		case r == '"':
			quoted = !quoted
		case !quoted && (r == ' ' || r == '<' && i > 0 || r == '>' && i < len(path)-1):
			return false
		}
	}
	return !quoted
}

// headers that every mail has, in alphabetical order. Only Reply-To may be missing.
var headers = []string{
	"Auto-Submitted", "Content-Language", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To", "X-Auto-Response-Suppress",
}

// For every name, a mail has each of its headers once, one recipient, and one web address.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{
		"Ada Lovelace", "", "Zoé Müller", "Bcc: x@y", "a\r\nBcc: x@y.example\r\n\r\nbody", "a\nb", "a\rb", "a\x00b", "\ufeffa", "\u202eevil",
		"=?utf-8?q?=0d=0aBcc:_x@y?=", "=?UTF-8?B?", "a, b <c@d>", `"quoted" \ back`, "<script>alert(1)</script>", "https://evil.example/x",
		"http:/\u200b/evil", "{{.Link}}", "{account}", "%s%n", strings.Repeat("long ", 400), strings.Repeat("x", 3000), "\xff\xfe", "עדה", "--\r\n",
		"\u2028", "\u0085", ".", "\r\n.\r\nMAIL FROM:<a@b>\r\n",
	} {
		f.Add(seed, seed, "ada@acme.example", "it@acme.example")
	}
	f.Add("Ada", "Acme", "zoé@société.example", "x\r\nBcc: y@z.example")
	f.Fuzz(func(t *testing.T, name, account, to, contact string) {
		const link = "https://invite.platform.example/i/acme/ada/token"
		server := Server{From: "Platform <no-reply@platform.example>"}
		msg, err := Compose(server, message.Invitation{
			Language: "en-GB", To: to, Name: name, AccountName: account, Role: name, ContactEmail: contact, ContactPhone: account, ReplyTo: contact,
			Link: link, ExpiresAt: time.Unix(1e9, 0), MessageID: "uid.1@platform.example",
		}, time.Unix(1e9, 0))
		if err != nil {
			failed, ok := errors.AsType[*channel.Error](err)
			if _, parseErr := usherv1.EmailAddress(to).Mailbox(); parseErr == nil || !ok {
				t.Errorf("to %q: %v", to, err)
			} else if len(to) > 3 && strings.Contains(failed.Message, to) {
				t.Errorf("%q tells %q", failed.Message, to)
			}
			return
		}
		var raw bytes.Buffer
		if _, err := msg.WriteTo(&raw); err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(raw.String(), "\r\n"), "\r\n") {
			if strings.ContainsAny(line, "\r\n\x00") || len(line) > 998 {
				t.Fatalf("a line is %q", line)
			}
		}
		got, err := smtpsink.Parse(raw.Bytes())
		if err != nil {
			t.Fatalf("%v:\n%s", err, raw.String())
		}
		want := headers
		if _, err := usherv1.EmailAddress(contact).Mailbox(); err == nil {
			want = append(slices.Clone(headers), "Reply-To")
			slices.Sort(want)
		}
		if keys := slices.Sorted(maps.Keys(got.Header)); !slices.Equal(keys, want) {
			t.Errorf("the headers are %q, want %q", keys, want)
		}
		for key, values := range got.Header {
			if len(values) != 1 {
				t.Errorf("%s is there %d times", key, len(values))
			}
		}
		parsed, _ := usherv1.EmailAddress(to).Mailbox()
		for key, want := range map[string]string{"To": parsed, "From": "no-reply@platform.example"} {
			list, err := got.Header.AddressList(key)
			if err != nil || len(list) != 1 || list[0].Address != want || strings.ContainsFunc(list[0].Name, unicode.IsControl) {
				t.Errorf("%s is %q: %v", key, got.Header.Get(key), err)
			}
		}
		if strings.ContainsFunc(got.Subject, unicode.IsControl) {
			t.Errorf("the subject is %q", got.Subject)
		}
		if got.MessageID != "uid.1@platform.example" {
			t.Errorf("the Message-ID is %q", got.MessageID)
		}
		for _, other := range got.Links() {
			if other != link {
				t.Errorf("there is another web address in it: %q", other)
			}
		}
	})
}

// Every value that ParseServer accepts is one argument in each command and header, and no error quotes a value.
func FuzzSecret(f *testing.F) {
	for _, seed := range []string{
		"Acme <no-reply@acme.example>", `"Acme, Inc." <a@acme.example>`, "=?utf-8?q?Acme=0d=0aBcc:_x?= <a@acme.example>", "zoé@acme.example",
		"a@acme.example\r\nRCPT TO:<b@c>", "a <b@c> <d@e>", "group: a@b;", "(c) a@b", "<a@b>", "smtp.acme.example", "[::1]", "mail\r\nEHLO x",
		"[192.0.2.1]", "60", "-1", "hunter2 ",
	} {
		f.Add(seed, "smtp.acme.example", "", "587")
		f.Add("a@acme.example", seed, seed, seed)
	}
	f.Fuzz(func(t *testing.T, from, host, helo, number string) {
		server, err := ParseServer(map[string][]byte{
			"from": []byte(from), "host": []byte(host), "heloName": []byte(helo), "rateLimit": []byte(number), "port": []byte(number),
			"username": []byte("user"), "password": []byte("hunter2"),
		})
		if err != nil {
			if strings.Contains(err.Error(), "hunter2") || len(err.Error()) > 2000 {
				t.Errorf("it is told as %q", err)
			}
			return
		}
		for _, argument := range []string{server.heloName(), server.Host, server.Domain(), server.MessageID("uid.1")} {
			if argument == "" || strings.ContainsFunc(argument, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) || r > unicode.MaxASCII }) {
				t.Errorf("%q becomes an argument", argument)
			}
		}
		if server.Port < 1 || server.Port > 65535 || server.RateLimit < 0 || server.RateLimit > maxRateLimit {
			t.Errorf("port %d, rate limit %d", server.Port, server.RateLimit)
		}
		sender, err := parseSender(server.From)
		if err != nil || !oneArgument(smtpPath(sender.Address)) {
			t.Errorf("the sender %q is %+v: %v", server.From, sender, err)
		}
		if _, err := Compose(server, message.Invitation{To: "ada@acme.example", MessageID: "uid.1@acme.example"}, time.Unix(1e9, 0)); err != nil {
			t.Errorf("no mail comes from %q: %v", server.From, err)
		}
	})
}
