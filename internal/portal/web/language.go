// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"

	"golang.org/x/text/language"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/message/catalogue"
)

// Spoken are the languages of the pages.
var Spoken = loadLanguages()

// maxAcceptLanguage is how much of an Accept-Language header is read, in bytes; browsers send a tenth of it.
const maxAcceptLanguage = 1 << 10

// LanguageParameter of a page's address switches the language, and is kept on the way to the next page.
const LanguageParameter = "lang"

// SwitchedQuery returns the query that keeps the language that r was switched to: "?lang=fr", or nothing.
func SwitchedQuery(r *http.Request) string {
	if c := Spoken.Switched(r); c != nil {
		return "?" + LanguageParameter + "=" + string(c.Tag)
	}
	return ""
}

// Languages are the catalogues of the pages.
type Languages struct {
	ByTag   catalogue.Set
	Ordered []*catalogue.Catalogue // in the order of matcher: the default first, and again for its language without a region
	Sorted  []*catalogue.Catalogue // by tag
	matcher language.Matcher
}

// loadLanguages returns the Languages that have a catalogue.
func loadLanguages() *Languages {
	l := &Languages{ByTag: catalogue.All()}
	for _, tag := range l.ByTag.Tags() {
		c := l.ByTag[tag]
		l.Sorted = append(l.Sorted, c)
		if tag == usherv1.DefaultLanguage {
			l.Ordered = append([]*catalogue.Catalogue{c, c}, l.Ordered...)
		} else {
			l.Ordered = append(l.Ordered, c)
		}
	}
	tags := make([]language.Tag, 0, len(l.Ordered))
	for _, c := range l.Ordered {
		tags = append(tags, language.MustParse(string(c.Tag)))
	}
	// The matcher would take "en" for American English.
	base, _ := tags[0].Base()
	tags[1] = language.Make(base.String())
	l.matcher = language.NewMatcher(tags)
	return l
}

// Choose returns the catalogue of an answer: the language that the visitor switched to; else the person's own; else what the browser
// asks for; else fallback, the account's; else the default. For a page about no one, own and fallback are empty, so that the page
// reveals nothing about a person.
func (l *Languages) Choose(r *http.Request, own, fallback usherv1.Language) *catalogue.Catalogue {
	if c := l.Switched(r); c != nil {
		return c
	}
	if c, there := l.ByTag[own]; there {
		return c
	}
	if c := l.accepted(r); c != nil {
		return c
	}
	if c, there := l.ByTag[fallback]; there {
		return c
	}
	return l.Ordered[0]
}

// Switched returns the catalogue that the visitor has switched to, or nil.
func (l *Languages) Switched(r *http.Request) *catalogue.Catalogue {
	return l.ByTag[usherv1.Language(r.URL.Query().Get(LanguageParameter))]
}

// accepted returns the catalogue that matches the request's Accept-Language best, or nil if none does.
func (l *Languages) accepted(r *http.Request) *catalogue.Catalogue {
	header := r.Header.Get("Accept-Language")
	if header == "" || len(header) > maxAcceptLanguage {
		return nil
	}
	wanted, _, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return nil
	}
	_, index, confidence := l.matcher.Match(wanted...)
	if confidence == language.No {
		return nil
	}
	return l.Ordered[index]
}
