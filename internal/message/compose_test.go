// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel/smtp"
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/message/catalogue"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

var update = flag.Bool("update", false, "write the golden files")

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

// compose returns the mail as it is sent over SMTP, and as a mail program reads it.
func compose(t *testing.T, m message.Message) ([]byte, smtpsink.Mail) {
	t.Helper()
	msg, err := smtp.Compose(platform, m, composedAt)
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
	return raw.Bytes(), read
}

func TestGoldenMails(t *testing.T) {
	message.SpeakMirrored(t)
	for name, change := range goldenMails() {
		t.Run(name, func(t *testing.T) {
			i := invitation()
			change(&i)
			raw, read := compose(t, i)
			header, _, _ := strings.Cut(string(raw), "\r\n\r\n")
			golden(t, name+".txt", strings.ReplaceAll(header, "\r\n", "\n")+"\n\n"+strings.ReplaceAll(read.Text, "\r\n", "\n"))
			golden(t, name+".html", strings.ReplaceAll(read.HTML, "\r\n", "\n"))
		})
	}
}

// goldenMails are changes to the invitation, by the name of their golden files. Each language has one with the name of its tag.
func goldenMails() map[string]func(*message.Invitation) {
	to := func(language usherv1.Language, name, account string) func(*message.Invitation) {
		return func(i *message.Invitation) { i.Language, i.Name, i.AccountName = language, name, account }
	}
	reminder := func(i *message.Invitation) {
		i.Reminder, i.InReplyTo, i.MessageID = true, i.MessageID, message.ReminderID(i.MessageID, "48h")
	}
	mails := map[string]func(*message.Invitation){
		"de":       to("de", "Jürgen Groß", "Müller & Söhne Maschinenbau GmbH"),
		"en-GB":    func(*message.Invitation) {},
		"en-US":    to("en-US", "Grace O’Malley", "Acme, Inc."),
		"es":       to("es", "Íñigo Núñez", "Compañía Española de Señalización, S. A."),
		"fr":       to("fr", "Zoé Lefèvre", "Société Générale d’Électricité"),
		"it":       to("it", "Nicolò D’Alò", "Società Elettrica dell’Aquila S.p.A."),
		"nl":       to("nl", "Daniëlle van ’t Hoff", "Coöperatie Zuid-Holland U.A."),
		"mirrored": func(i *message.Invitation) { i.Language = message.Mirrored },
		"en-GB-bare": func(i *message.Invitation) {
			i.Name, i.Role, i.ContactEmail, i.ContactPhone, i.ReplyTo = "", "", "", "", ""
		},
		"fr-first-day": func(i *message.Invitation) {
			i.Language, i.ExpiresAt = "fr", time.Date(2026, time.December, 1, 0, 9, 59, 0, time.FixedZone("", 3600)).AddDate(0, 0, 1)
			i.ContactPhone = ""
		},
		"en-GB-right-to-left": func(i *message.Invitation) {
			i.Name, i.AccountName, i.ContactEmail = "شيماء الخطيب", "شركة المثال", ""
		},
		"en-GB-bare-reminder": func(i *message.Invitation) {
			i.Name, i.Role, i.ContactEmail, i.ContactPhone, i.ReplyTo = "", "", "", "", ""
			reminder(i)
		},
	}
	names := []string{"mirrored"}
	for _, language := range catalogue.All().Tags() {
		names = append(names, string(language))
		if mails[string(language)] == nil {
			mails[string(language)] = to(language, "Ada Lovelace", "Acme SAS")
		}
	}
	for _, name := range names {
		change := mails[name]
		mails[name+"-reminder"] = func(i *message.Invitation) {
			change(i)
			reminder(i)
		}
	}
	return mails
}

func TestEveryLanguageHasAGoldenMail(t *testing.T) {
	mails := goldenMails()
	for _, language := range catalogue.All().Tags() {
		for _, name := range []string{string(language), string(language) + "-reminder"} {
			i := invitation()
			if change := mails[name]; change == nil {
				t.Errorf("there is no golden mail %s", name)
			} else if change(&i); i.Language != language || i.Reminder != strings.HasSuffix(name, "-reminder") {
				t.Errorf("the golden mail %s is written in %s, a reminder: %t", name, i.Language, i.Reminder)
			}
		}
	}
}

func TestMailsFollowTheDirectionOfWriting(t *testing.T) {
	message.SpeakMirrored(t)
	i := invitation()
	i.Language = message.Mirrored
	_, read := compose(t, i)
	if got := read.Header.Get("Content-Language"); got != string(message.Mirrored) {
		t.Errorf("Content-Language is %q", got)
	}
	for _, want := range []string{
		`<html lang="ar-XB" dir="rtl">`,
		`<td class="card inner" align="right"`,
		`<a class="link" dir="ltr"`, // an address runs from left to right in every language
		`<bdi>+33` + "\u00a0", `<bdi>it@acme.example</bdi>`,
	} {
		if !strings.Contains(strings.ReplaceAll(read.HTML, "&#43;", "+"), want) {
			t.Errorf("the HTML part lacks %s", want)
		}
	}
	if strings.Contains(read.HTML, `align="left"`) || sides.MatchString(read.HTML) {
		t.Errorf("the layout names a side: %q", sides.FindString(read.HTML))
	}
}

// sides are styles that do not follow the direction of writing.
var sides = regexp.MustCompile(`(?:(?:margin|padding|border)-(?:left|right)|(?:text-align|float)\s*:\s*(?:left|right))[^;"]*`)

func TestMailsSayNothingOutsideOfTheCatalogue(t *testing.T) {
	message.SpeakMirrored(t)
	for _, reminder := range []bool{false, true} {
		i := invitation()
		i.Language, i.Reminder = message.Mirrored, reminder
		saysNothingElse(t, i, i.Link)
	}
}

// saysNothingElse expects no words of the mail's own outside of the catalogue but its link, which may be empty.
func saysNothingElse(t *testing.T, m message.Message, link string) {
	t.Helper()
	_, read := compose(t, m)
	said := regexp.MustCompile(`(?s)` + message.MirroredOpen + `.*?` + message.MirroredClose)
	rest := said.ReplaceAllString(strings.ReplaceAll(read.Text, "\r\n", "\n"), "")
	if got := strings.Fields(rest); !slices.Equal(got, append(strings.Fields(link), "--")) {
		t.Errorf("the text part says also %q", got)
	}
	_, body, _ := strings.Cut(read.HTML, "</style>")
	words := regexp.MustCompile(`(?s)<[^>]*>|&nbsp;`).ReplaceAllString(said.ReplaceAllString(body, ""), " ")
	if got := strings.Fields(words); !slices.Equal(got, strings.Fields(link)) {
		t.Errorf("the HTML part says also %q", got)
	}
	if !strings.HasPrefix(read.Subject, message.MirroredOpen) || !strings.HasSuffix(read.Subject, message.MirroredClose) {
		t.Errorf("the subject is %q", read.Subject)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const remedy = "run go test ./internal/message -update, then review the new files"
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; %s", err, remedy)
	}
	if got != string(want) {
		t.Errorf("the mail differs from %s; if that is intended, %s\ngot:\n%s", file, remedy, got)
	}
}

func TestComposeSaysEverythingInBothParts(t *testing.T) {
	_, read := compose(t, invitation())
	for part, body := range map[string]string{"text": strings.ReplaceAll(read.Text, "\r\n", " "), "html": read.HTML} {
		for _, want := range []string{
			"Ada Lovelace", "Acme SAS", "salesrep", "it@acme.example", "33\u00a01\u00a023\u00a045\u00a067\u00a089", "29 November 2026 at 14:05 UTC",
			invitation().Link, "ignore this mail",
		} {
			if !strings.Contains(body, want) {
				t.Errorf("the %s part does not say %q", part, want)
			}
		}
	}
	if read.Link() != invitation().Link || len(read.Links()) != 1 {
		t.Errorf("links in the text part: %q", read.Links())
	}
	for _, forbidden := range []string{"<img", "url(", "src=", "@import", "<link", "<script"} {
		if strings.Contains(read.HTML, forbidden) {
			t.Errorf("the HTML part loads something: %q", forbidden)
		}
	}
	for header, want := range map[string]string{
		"Auto-Submitted":   "auto-generated",
		"Reply-To":         "<it@acme.example>",
		"Message-ID":       "<6f1c7a52-9f0e-4f0b-8a34-2f0b7f0c1d2e.1@platform.example>",
		"Date":             "Sun, 22 Nov 2026 14:05:00 +0000",
		"From":             `"Platform" <no-reply@platform.example>`,
		"To":               `"Ada Lovelace" <ada@acme.example>`,
		"Content-Language": "en-GB",
	} {
		if got := read.Header.Get(header); got != want {
			t.Errorf("%s: %s, want %s", header, got, want)
		}
	}
}

func TestReminderIsOneOfItsInvitation(t *testing.T) {
	i := invitation()
	i.Reminder, i.InReplyTo, i.MessageID = true, i.MessageID, message.ReminderID(i.MessageID, "48h")
	_, read := compose(t, i)
	const id = "6f1c7a52-9f0e-4f0b-8a34-2f0b7f0c1d2e.1"
	for header, want := range map[string]string{
		"Message-ID":  "<" + id + ".48h@platform.example>",
		"In-Reply-To": "<" + id + "@platform.example>",
		"References":  "<" + id + "@platform.example>",
	} {
		if got := read.Header.Get(header); got != want {
			t.Errorf("%s: %s, want %s", header, got, want)
		}
	}
	if read.Link() != invitation().Link || !strings.HasPrefix(read.Subject, "Reminder: ") || !strings.Contains(strings.ReplaceAll(read.Text, "\r\n", " "), "29 November 2026 at 14:05 UTC") {
		t.Errorf("the reminder is %q:\n%s", read.Subject, read.Text)
	}
}

func TestComposeFallsBackToTheDefaultLanguage(t *testing.T) {
	i := invitation()
	i.Language = "xx"
	_, read := compose(t, i)
	if got := read.Header.Get("Content-Language"); got != string(usherv1.DefaultLanguage) || !strings.Contains(read.HTML, `lang="en-GB"`) {
		t.Errorf("a language without a catalogue is written as %q", got)
	}
}

func TestComposeIsTheSameEveryTime(t *testing.T) {
	first, _ := compose(t, invitation())
	second, _ := compose(t, invitation())
	if !bytes.Equal(first, second) {
		t.Error("two attempts of one link send different mails")
	}
	other := invitation()
	other.Link += "x"
	if third, _ := compose(t, other); boundaryOf(t, third) == boundaryOf(t, first) {
		t.Error("the boundary does not depend on the link, so a user who can write a name could predict it")
	}
}

func boundaryOf(t *testing.T, raw []byte) string {
	t.Helper()
	_, after, found := strings.Cut(string(raw), "boundary=")
	if !found {
		t.Fatal("no boundary")
	}
	return after[:40]
}
