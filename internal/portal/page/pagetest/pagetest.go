// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pagetest draws the portal's pages without an API server, in a language that shows which texts come from no catalogue.
package pagetest

import (
	"maps"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/web"
)

// Mirrored is a language that is written from right to left: the default's texts in brackets, each with a right-to-left letter
// at both ends. What a page says outside of the brackets comes from no catalogue.
const Mirrored usherv1.Language = "ar-XB"

const open, closed = "\u05d0⟦", "⟧\u05d0"

var (
	text       = regexp.MustCompile(`>([^<]+)<`)
	inBrackets = regexp.MustCompile(`(?s)` + open + `.*` + closed)
)

// SpeakMirrored adds the language for the time of a test.
func SpeakMirrored(t *testing.T) {
	c := *web.Spoken.ByTag[usherv1.DefaultLanguage]
	c.Tag, c.Name, c.Dir, c.PageTexts = Mirrored, open+c.Name+closed, "rtl", maps.Clone(c.PageTexts)
	c.Date.Page = open + c.Date.Page + closed
	for key, text := range c.PageTexts {
		c.PageTexts[key] = open + text + closed
	}
	web.Spoken.ByTag[Mirrored] = &c
	t.Cleanup(func() { delete(web.Spoken.ByTag, Mirrored) })
}

// Site returns a site without an API server.
func Site() *page.Site { return page.NewSite(page.Site{Log: logr.Discard()}) }

// Person returns a member of the language [Mirrored], which no API server accepts.
func Person() page.Person {
	return page.Person{
		Member: usherv1.Member{Spec: usherv1.MemberSpec{
			Email: "ada@acme.example", Role: "salesrep", Language: Mirrored, GivenName: "Augusta",
		}},
		Account: usherv1.Account{Spec: usherv1.AccountSpec{
			DisplayName: "Acme SAS", ProductURL: "https://app.acme.example", TermsURL: "https://acme.example/terms",
			Contact: &usherv1.AccountContact{Email: "it@acme.example", Phone: "+33 1 23 45 67 89"},
		}},
		Contact: usherv1.AccountContact{Email: "it@acme.example", Phone: "+33 1 23 45 67 89"},
	}
}

// ExpectMirrored expects pages about [Person] that follow the direction of writing, and that say nothing outside of the catalogue.
func ExpectMirrored(t *testing.T, pages map[string]*httptest.ResponseRecorder) {
	t.Helper()
	g := gomega.NewWithT(t)
	g.Expect(pages).NotTo(gomega.BeEmpty())
	data := []string{
		"Acme SAS", "", "ada@acme.example", "", "it@acme.example", "", "&#43;33 1 23 45 67 89", "", "salesrep", "", "admin", "", "A", "",
	}
	for _, other := range web.Spoken.Sorted { // names itself
		data = append(data, other.Name, "")
	}
	replacer := strings.NewReplacer(data...)
	for name, answer := range pages {
		body := answer.Body.String()
		g.Expect(answer.Header().Get("Content-Language")).To(gomega.BeEquivalentTo(Mirrored), name)
		g.Expect(body).To(gomega.ContainSubstring(`<html lang="ar-XB" dir="rtl">`), name)
		for _, match := range text.FindAllStringSubmatch(body, -1) {
			rest := strings.TrimSpace(replacer.Replace(inBrackets.ReplaceAllString(match[1], "")))
			g.Expect(rest).To(gomega.BeEmpty(), "%s says %q", name, match[1])
		}
	}
}

// AddField adds a row "desk" to the table of personal fields for the time of a test. Its input is phone_desk, and spec is what every
// Member's spec says.
func AddField(t *testing.T, spec *string) {
	before := credentials.Fields
	t.Cleanup(func() { credentials.Fields = before })
	credentials.Fields = append(slices.Clip(before), credentials.Field{
		Key: "desk", Name: "phone_desk", Type: "tel", Autocomplete: "off", MaxLength: 3,
		OfSpec: func(*usherv1.MemberSpec) string { return *spec },
	})
}

// ExpectEscaped expects that pages show no markup of a form as it was typed. Harmless is what the pages say by themselves.
func ExpectEscaped(t *testing.T, pages, harmless string, form url.Values) {
	t.Helper()
	for _, values := range form {
		for _, typed := range values {
			if strings.ContainsAny(typed, "<>") && len(typed) > 3 && strings.Contains(pages, typed) && !strings.Contains(harmless, typed) {
				t.Errorf("a page shows %q as it was typed", typed)
			}
		}
	}
}
