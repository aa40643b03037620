// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"net/http"

	"golang.org/x/text/language"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/message/catalogue"
)

// maxAcceptLanguage is how much of an Accept-Language header is read, in bytes; browsers send a tenth of it.
const maxAcceptLanguage = 1 << 10

// languageParameter of a page's address switches its language, and stays on the way to the next page.
const languageParameter = "lang"

// switchedQuery is what keeps the language that r was switched to on the next page: "?lang=fr", or nothing.
func switchedQuery(r *http.Request) string {
	if c := spoken.switched(r); c != nil {
		return "?" + languageParameter + "=" + string(c.Tag)
	}
	return ""
}

// languages are the catalogues that there are.
type languages struct {
	byTag   catalogue.Set
	ordered []*catalogue.Catalogue // as in matcher; the default first, and once more for its language without a region
	sorted  []*catalogue.Catalogue // by tag
	matcher language.Matcher
}

// loadLanguages returns the languages that have a catalogue.
func loadLanguages() *languages {
	l := &languages{byTag: catalogue.All()}
	for _, tag := range l.byTag.Tags() {
		c := l.byTag[tag]
		l.sorted = append(l.sorted, c)
		if tag == usherv1.DefaultLanguage {
			l.ordered = append([]*catalogue.Catalogue{c, c}, l.ordered...)
		} else {
			l.ordered = append(l.ordered, c)
		}
	}
	tags := make([]language.Tag, 0, len(l.ordered))
	for _, c := range l.ordered {
		tags = append(tags, language.MustParse(string(c.Tag)))
	}
	// The matcher would take "en" for American English.
	base, _ := tags[0].Base()
	tags[1] = language.Make(base.String())
	l.matcher = language.NewMatcher(tags)
	return l
}

// choose the language of an answer: the one that was switched to; else the member's, by its spec or by its own choice; else
// what the browser asks for; else the account's; else the default. Where v is nil neither member nor account is asked, so that
// a page for nobody in particular tells nothing about anybody.
func (l *languages) choose(r *http.Request, v *visit) *catalogue.Catalogue {
	if c := l.switched(r); c != nil {
		return c
	}
	if v != nil {
		for _, wanted := range []usherv1.Language{v.member.Spec.Language, credentials.ProfileOf(&v.credentials).Language} {
			if c, there := l.byTag[wanted]; there {
				return c
			}
		}
	}
	if c := l.accepted(r); c != nil {
		return c
	}
	if v != nil {
		if c, there := l.byTag[v.account.Spec.Language]; there {
			return c
		}
	}
	return l.ordered[0]
}

// switched is the catalogue that the page's visitor has switched to, or nil.
func (l *languages) switched(r *http.Request) *catalogue.Catalogue {
	return l.byTag[usherv1.Language(r.URL.Query().Get(languageParameter))]
}

// accepted is the catalogue that suits the request's Accept-Language best, or nil if none does.
func (l *languages) accepted(r *http.Request) *catalogue.Catalogue {
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
	return l.ordered[index]
}
