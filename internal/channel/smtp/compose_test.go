// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp_test

import (
	"bytes"
	"errors"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/channel/smtp"
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

var (
	composedAt = time.Date(2026, time.November, 22, 14, 5, 0, 0, time.UTC)
	platform   = smtp.Server{Host: "smtp.platform.example", Port: 587, From: "Platform <no-reply@platform.example>", TLS: smtp.TLSStart}
)

func invitation() message.Invitation {
	return message.Invitation{
		Language:     "en-GB",
		To:           "ada@acme.example",
		Name:         "Ada Lovelace",
		AccountName:  "Acme SAS",
		Role:         "salesrep",
		ContactEmail: "it@acme.example",
		ContactPhone: "+33 1 23 45 67 89",
		ReplyTo:      "it@acme.example",
		Link:         "https://usher.platform.example/i/acme/ada/m1GkTq4b7hYxJv0sZc3nWd5RfLuE8aPoIiQ2tNgXwVyBrMzK6CjDHA",
		ExpiresAt:    time.Date(2026, time.November, 29, 14, 5, 0, 0, time.UTC),
		MessageID:    platform.MessageID(message.InvitationID("6f1c7a52-9f0e-4f0b-8a34-2f0b7f0c1d2e", 1)),
	}
}

func compose(t *testing.T, server smtp.Server, m message.Message) smtpsink.Mail {
	t.Helper()
	msg, err := smtp.Compose(server, m, composedAt)
	if err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if _, err := msg.WriteTo(&raw); err != nil {
		t.Fatal(err)
	}
	read, err := smtpsink.Parse(raw.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// unwritten is a message that cannot be rendered.
type unwritten struct{}

func (unwritten) Render() (message.Rendered, error) {
	return message.Rendered{}, errors.New("no text for ada@acme.example")
}

func TestComposeAMessageThatCannotBeRendered(t *testing.T) {
	_, err := smtp.Compose(platform, unwritten{}, composedAt)
	if got, want := outcomeOf(failure(t, err)), (outcome{class: temporary, code: "template"}); got != want {
		t.Errorf("means %+v, want %+v", got, want)
	}
}

// foreign is an endpoint of another channel.
type foreign struct{ channel.Endpoint }

func TestAnEndpointOfAnotherChannel(t *testing.T) {
	sender := newChannel(t, timeouts)
	want := outcome{temporary, "no server", usherv1.ReasonServerUnreachable, false}
	if got := outcomeOf(failure(t, sender.Send(t.Context(), foreign{}, invitation()))); got != want {
		t.Errorf("Send means %+v, want %+v", got, want)
	}
	if got := outcomeOf(failure(t, sender.Probe(t.Context(), nil))); got != want {
		t.Errorf("Probe means %+v, want %+v", got, want)
	}
	sender.Forget(foreign{})
	sender.Forget(nil)
}

func TestComposeAddresses(t *testing.T) {
	long := strings.Repeat("a", 300) + "@acme.example"
	for to, want := range map[string]string{
		"ada@acme.example":           "ada@acme.example",
		"ada.@acme.example":          "ada.@acme.example",
		"ada@ACME.Example":           "ada@acme.example",
		"zoé@société.example":        "zoé@xn--socit-esab.example",
		"ada+usher@acme.example":     "ada+usher@acme.example",
		"":                           "",
		"ada":                        "",
		"@acme.example":              "",
		"ada@":                       "",
		"ada@acme.example\r\nBcc: x": "",
		"ada love@acme.example":      "",
		"<ada@acme.example>":         "",
		"ada@x@acme.example":         "",
		"ada@acme example":           "",
		long:                         "",
		strings.Repeat("é", 130) + "@acme.example": "",
	} {
		i := invitation()
		i.To = to
		msg, err := smtp.Compose(platform, i, composedAt)
		if want == "" {
			failed, ok := errors.AsType[*channel.Error](err)
			if !ok || failed.Class != usherv1.ErrorPermanent || strings.Contains(failed.Error(), "ada") {
				t.Errorf("%.40q: %v", to, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%.40q: %v", to, err)
			continue
		}
		if got := msg.GetTo()[0].Address; got != want {
			t.Errorf("%.40q is addressed to %q, want %q", to, got, want)
		}
	}
}

func TestComposeWithoutAUsableReplyTo(t *testing.T) {
	for _, replyTo := range []string{"", "no-address", "x@acme.example\r\nBcc: all@acme.example"} {
		i := invitation()
		i.ReplyTo = replyTo
		read := compose(t, platform, i)
		if got := read.Header.Get("Reply-To"); got != "" || read.Header.Get("Bcc") != "" {
			t.Errorf("Reply-To from %q is %q", replyTo, got)
		}
	}
}

func TestComposeQuotesTheSender(t *testing.T) {
	server := platform
	server.From = `"Acme, Inc. (\"the\" one)" <no-reply@acme.example>`
	read := compose(t, server, invitation())
	from, err := netmail.ParseAddress(read.Header.Get("From"))
	if err != nil || from.Name != `Acme, Inc. ("the" one)` || from.Address != "no-reply@acme.example" {
		t.Errorf("From is %v: %v", from, err)
	}
}
