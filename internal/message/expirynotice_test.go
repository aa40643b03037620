// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/message/catalogue"
)

var endsAt = time.Date(2026, time.November, 29, 14, 5, 0, 0, time.UTC)

func expiryNotice(to usherv1.EndNoticeRecipient, language usherv1.Language) message.ExpiryNotice {
	e := message.ExpiryNotice{
		Language: language, To: "ada@acme.example", Name: "Ada Lovelace", AccountName: "Acme SAS", EndsAt: endsAt,
		ContactEmail: "it@acme.example", ContactPhone: "+33 1 23 45 67 89", ReplyTo: "it@acme.example",
		MessageID: platform.MessageID(message.ExpiryNoticeID("6f1c7a52-9f0e-4f0b-8a34-2f0b7f0c1d2e", to, endsAt)),
	}
	if to == usherv1.NoticeToContact {
		e.To, e.Name, e.Member, e.ContactEmail, e.ContactPhone = "it@acme.example", "", "Ada Lovelace", "", ""
	}
	return e
}

var randomBoundary = regexp.MustCompile(`boundary=\S+`)

func TestGoldenExpiryNotices(t *testing.T) {
	message.SpeakMirrored(t)
	for _, language := range append(catalogue.All().Tags(), message.Mirrored) {
		for _, to := range []usherv1.EndNoticeRecipient{usherv1.NoticeToMember, usherv1.NoticeToContact} {
			name := "end-" + strings.ToLower(string(to)) + "-" + string(language)
			t.Run(name, func(t *testing.T) {
				raw, read := compose(t, expiryNotice(to, language))
				header, _, _ := strings.Cut(string(raw), "\r\n\r\n")
				header = randomBoundary.ReplaceAllString(strings.ReplaceAll(header, "\r\n", "\n"), "boundary=random")
				golden(t, name+".txt", header+"\n\n"+strings.ReplaceAll(read.Text, "\r\n", "\n"))
				golden(t, name+".html", strings.ReplaceAll(read.HTML, "\r\n", "\n"))
			})
		}
	}
}

func TestExpiryNoticesSayNothingOutsideOfTheCatalogue(t *testing.T) {
	message.SpeakMirrored(t)
	for _, to := range []usherv1.EndNoticeRecipient{usherv1.NoticeToMember, usherv1.NoticeToContact} {
		saysNothingElse(t, expiryNotice(to, message.Mirrored), "")
	}
}

// The mail to the contact names the member, and has no address but its reader's.
func TestExpiryNoticeToTheContact(t *testing.T) {
	_, read := compose(t, expiryNotice(usherv1.NoticeToContact, "en-GB"))
	for part, body := range map[string]string{"text": strings.ReplaceAll(read.Text, "\r\n", " "), "html": read.HTML} {
		for _, want := range []string{"Ada Lovelace", "Acme SAS", "29 November 2026 at 14:05 UTC", "it@acme.example"} {
			if !strings.Contains(body, want) {
				t.Errorf("the %s part does not say %q", part, want)
			}
		}
		if strings.Contains(body, "ada@acme.example") {
			t.Errorf("the %s part has the member's address", part)
		}
	}
	if len(read.Links()) != 0 {
		t.Errorf("links: %q", read.Links())
	}
}

func TestExpiryNoticeIDs(t *testing.T) {
	of := func(to usherv1.EndNoticeRecipient, at time.Time) string {
		return message.ExpiryNoticeID("uid", to, at)
	}
	if of(usherv1.NoticeToMember, endsAt) != of(usherv1.NoticeToMember, endsAt.In(time.FixedZone("", 3600))) {
		t.Error("one moment, two Message-IDs")
	}
	seen := map[string]bool{
		of(usherv1.NoticeToMember, endsAt): true, of(usherv1.NoticeToContact, endsAt): true, of(usherv1.NoticeToMember, endsAt.Add(time.Second)): true,
	}
	if len(seen) != 3 {
		t.Errorf("Message-IDs are not told apart: %v", seen)
	}
}
