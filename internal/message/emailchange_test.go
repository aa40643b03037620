// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/message/catalogue"
)

const (
	formerAddress = "ada@acme.example"
	newAddress    = "lovelace@acme.example"
)

var bothAddresses = []usherv1.EmailChangeRecipient{usherv1.MailToNewAddress, usherv1.MailToFormerAddress}

func emailChange(to usherv1.EmailChangeRecipient, language usherv1.Language) message.EmailChange {
	m := message.EmailChange{
		Language: language, To: formerAddress, Name: "Ada Lovelace", AccountName: "Acme SAS",
		ContactEmail: "it@acme.example", ContactPhone: "+33 1 23 45 67 89", ReplyTo: "it@acme.example",
		MessageID: platform.MessageID(message.EmailChangeID("6f1c7a52-9f0e-4f0b-8a34-2f0b7f0c1d2e", 2, to, composedAt, "")),
	}
	if to == usherv1.MailToNewAddress {
		m.To, m.ExpiresAt = newAddress, endsAt
		m.Link = "https://usher.platform.example/e/acme/ada/m1GkTq4b7hYxJv0sZc3nWd5RfLuE8aPoIiQ2tNgXwVyBrMzK6CjDHA"
	}
	return m
}

// emailChanges are the golden mails, by the name of their files.
func emailChanges() map[string]message.EmailChange {
	mails := map[string]message.EmailChange{}
	for _, to := range bothAddresses {
		for _, language := range append(catalogue.All().Tags(), message.Mirrored) {
			mails["change-"+strings.ToLower(string(to))+"-"+string(language)] = emailChange(to, language)
		}
		bare := emailChange(to, "en-GB")
		bare.Name, bare.ContactEmail, bare.ContactPhone, bare.ReplyTo = "", "", "", ""
		mails["change-"+strings.ToLower(string(to))+"-en-GB-bare"] = bare
	}
	return mails
}

func TestGoldenEmailChanges(t *testing.T) {
	message.SpeakMirrored(t)
	for name, m := range emailChanges() {
		t.Run(name, func(t *testing.T) {
			raw, read := compose(t, m)
			header, _, _ := strings.Cut(string(raw), "\r\n\r\n")
			header = strings.ReplaceAll(header, "\r\n", "\n")
			if m.Link == "" {
				header = randomBoundary.ReplaceAllString(header, "boundary=random")
			}
			golden(t, name+".txt", header+"\n\n"+strings.ReplaceAll(read.Text, "\r\n", "\n"))
			golden(t, name+".html", strings.ReplaceAll(read.HTML, "\r\n", "\n"))
		})
	}
}

func TestEmailChangesSayNothingOutsideOfTheCatalogue(t *testing.T) {
	message.SpeakMirrored(t)
	for _, to := range bothAddresses {
		m := emailChange(to, message.Mirrored)
		saysNothingElse(t, m, m.Link)
	}
}

// The new address is told what it is to become, until when, and what happens meanwhile. It does not learn the former one.
func TestEmailChangeToTheNewAddress(t *testing.T) {
	m := emailChange(usherv1.MailToNewAddress, "en-GB")
	_, read := compose(t, m)
	for part, body := range map[string]string{"text": strings.ReplaceAll(read.Text, "\r\n", " "), "html": read.HTML} {
		for _, want := range []string{
			"Ada Lovelace", "Acme SAS", newAddress, "29 November 2026 at 14:05 UTC", "it@acme.example", "the former address stays in use",
			"Nothing changes unless you confirm", m.Link,
		} {
			if !strings.Contains(body, want) {
				t.Errorf("the %s part does not say %q", part, want)
			}
		}
		if strings.Contains(body, formerAddress) {
			t.Errorf("the %s part has the former address", part)
		}
	}
	if got := read.Links(); !slices.Equal(got, []string{m.Link}) {
		t.Errorf("links: %q", got)
	}
}

// The former address is told what to do against the change. It does not learn the new address, and has no link to press.
func TestEmailChangeToTheFormerAddress(t *testing.T) {
	_, read := compose(t, emailChange(usherv1.MailToFormerAddress, "en-GB"))
	for part, body := range map[string]string{"text": strings.ReplaceAll(read.Text, "\r\n", " "), "html": read.HTML} {
		body = regexp.MustCompile(`</?(?:strong|bdi)[^>]*>`).ReplaceAllString(body, "")
		for _, want := range []string{
			"Ada Lovelace", formerAddress, "only once the new address is confirmed", "contact Acme SAS now", "it@acme.example",
		} {
			if !strings.Contains(body, want) {
				t.Errorf("the %s part does not say %q", part, want)
			}
		}
		if strings.Contains(body, newAddress) {
			t.Errorf("the %s part has the new address", part)
		}
	}
	if len(read.Links()) != 0 || strings.Contains(read.HTML, "href=") {
		t.Errorf("links: %q\n%s", read.Links(), read.HTML)
	}
}

func TestEmailChangeIsTheSameEveryTime(t *testing.T) {
	m := emailChange(usherv1.MailToNewAddress, "en-GB")
	first, _ := compose(t, m)
	if second, _ := compose(t, m); string(first) != string(second) {
		t.Error("two attempts of one link send different mails")
	}
	m.Link += "x"
	if third, _ := compose(t, m); boundaryOf(t, third) == boundaryOf(t, first) {
		t.Error("the boundary does not depend on the link, so a user who can write a name could predict it")
	}
	notice := emailChange(usherv1.MailToFormerAddress, "en-GB")
	rendered, err := notice.Render()
	if err != nil || rendered.Seed != "" {
		t.Errorf("a mail without a link has the seed %q: %v", rendered.Seed, err)
	}
}

func TestEmailChangeIDs(t *testing.T) {
	of := func(to usherv1.EmailChangeRecipient, requested time.Time, keyID string) string {
		return message.EmailChangeID("uid", 2, to, requested, keyID)
	}
	if of(usherv1.MailToNewAddress, endsAt, "k") != of(usherv1.MailToNewAddress, endsAt.In(time.FixedZone("", 3600)), "k") {
		t.Error("one change, two Message-IDs")
	}
	seen := map[string]bool{
		of(usherv1.MailToNewAddress, endsAt, "k"): true, of(usherv1.MailToFormerAddress, endsAt, "k"): true,
		of(usherv1.MailToNewAddress, endsAt.Add(time.Second), "k"): true, of(usherv1.MailToNewAddress, endsAt, "l"): true,
		message.EmailChangeID("uid", 3, usherv1.MailToNewAddress, endsAt, "k"): true, // another change within the second
	}
	if len(seen) != 5 {
		t.Errorf("Message-IDs are not told apart: %v", slices.Sorted(maps.Keys(seen)))
	}
}
