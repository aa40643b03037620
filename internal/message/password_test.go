// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/message/catalogue"
)

func password(kind credentials.PasswordMailKind, language usherv1.Language) message.Password {
	m := message.Password{
		Language: language, To: "ada@acme.example", Name: "Ada Lovelace", AccountName: "Acme SAS",
		ContactEmail: "it@acme.example", ContactPhone: "+33 1 23 45 67 89", ReplyTo: "it@acme.example",
		MessageID: platform.MessageID(message.PasswordID("6f1c7a52-9f0e-4f0b-8a34-2f0b7f0c1d2e", kind, composedAt, "")),
	}
	if kind == credentials.ResetLink {
		m.ExpiresAt = endsAt
		m.Link = "https://usher.platform.example/p/acme/ada/m1GkTq4b7hYxJv0sZc3nWd5RfLuE8aPoIiQ2tNgXwVyBrMzK6CjDHA"
	} else {
		m.ChangedAt = endsAt
	}
	return m
}

func TestGoldenPasswordMails(t *testing.T) {
	message.SpeakMirrored(t)
	mails := map[string]message.Password{}
	for _, kind := range credentials.PasswordMailKinds {
		name := "password-" + strings.ToLower(string(kind))
		for _, language := range append(catalogue.All().Tags(), message.Mirrored) {
			mails[name+"-"+string(language)] = password(kind, language)
		}
		bare := password(kind, "en-GB")
		bare.Name, bare.ContactEmail, bare.ContactPhone, bare.ReplyTo = "", "", "", ""
		mails[name+"-en-GB-bare"] = bare
	}
	for name, m := range mails {
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

func TestPasswordMailsSayNothingOutsideOfTheCatalogue(t *testing.T) {
	message.SpeakMirrored(t)
	for _, kind := range credentials.PasswordMailKinds {
		m := password(kind, message.Mirrored)
		saysNothingElse(t, m, m.Link)
	}
}

// The mail with the link says what it is for, until when it works, and what happens without it.
func TestTheMailWithALinkThatSetsAPassword(t *testing.T) {
	m := password(credentials.ResetLink, "en-GB")
	_, read := compose(t, m)
	for part, body := range map[string]string{"text": strings.ReplaceAll(read.Text, "\r\n", " "), "html": read.HTML} {
		for _, want := range []string{
			"Ada Lovelace", "Acme SAS", "29 November 2026 at 14:05 UTC", "it@acme.example", "Your password stays the same", m.Link,
		} {
			if !strings.Contains(body, want) {
				t.Errorf("the %s part does not say %q", part, want)
			}
		}
	}
	if got := read.Links(); !slices.Equal(got, []string{m.Link}) {
		t.Errorf("links: %q", got)
	}
}

// The mail that tells of another password says when, and what to do against it. It has no link to press: it may be imitated.
func TestTheMailThatTellsOfAnotherPassword(t *testing.T) {
	_, read := compose(t, password(credentials.PasswordChanged, "en-GB"))
	for part, body := range map[string]string{"text": strings.ReplaceAll(read.Text, "\r\n", " "), "html": read.HTML} {
		body = regexp.MustCompile(`</?(?:strong|bdi)[^>]*>`).ReplaceAllString(body, "")
		for _, want := range []string{"Ada Lovelace", "was changed on 29 November 2026 at 14:05 UTC", "and contact Acme SAS", "it@acme.example"} {
			if !strings.Contains(body, want) {
				t.Errorf("the %s part does not say %q", part, want)
			}
		}
	}
	if len(read.Links()) != 0 || strings.Contains(read.HTML, "href=") {
		t.Errorf("links: %q\n%s", read.Links(), read.HTML)
	}
}

// What the mails and the page call the link on the sign-in page is what it is called there.
func TestPasswordMailsNameTheLinkOfTheSignInPage(t *testing.T) {
	for _, c := range catalogue.All() {
		if said, called := c.MailTexts["passwordNext"], c.PageTexts["sign-in.forgotten"]; !strings.Contains(
			strings.NewReplacer("\u202f", " ", "\u00a0", " ").Replace(said), strings.ReplaceAll(called, "\u00a0", " ")) {
			t.Errorf("%s: the mail names no link %q: %s", c.Tag, called, said)
		}
	}
}

func TestPasswordMailsAreTheSameEveryTime(t *testing.T) {
	m := password(credentials.ResetLink, "en-GB")
	first, _ := compose(t, m)
	if second, _ := compose(t, m); string(first) != string(second) {
		t.Error("two attempts of one link send different mails")
	}
	m.Link += "x"
	if third, _ := compose(t, m); boundaryOf(t, third) == boundaryOf(t, first) {
		t.Error("the boundary does not depend on the link, so a user who can write a name could predict it")
	}
	rendered, err := password(credentials.PasswordChanged, "en-GB").Render()
	if err != nil || rendered.Seed != "" {
		t.Errorf("a mail without a link has the seed %q: %v", rendered.Seed, err)
	}
}

func TestPasswordIDs(t *testing.T) {
	of := func(kind credentials.PasswordMailKind, asked time.Time, keyID string) string {
		return message.PasswordID("uid", kind, asked, keyID)
	}
	if of(credentials.ResetLink, endsAt, "k") != of(credentials.ResetLink, endsAt.In(time.FixedZone("", 3600)), "k") {
		t.Error("one demand, two Message-IDs")
	}
	seen := map[string]bool{
		of(credentials.ResetLink, endsAt, "k"): true, of(credentials.PasswordChanged, endsAt, "k"): true,
		of(credentials.ResetLink, endsAt.Add(time.Second), "k"): true, of(credentials.ResetLink, endsAt, "l"): true,
	}
	if len(seen) != 4 {
		t.Errorf("Message-IDs are not told apart: %v", seen)
	}
}
