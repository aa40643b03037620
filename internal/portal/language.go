// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
)

// A language is one file, named after its tag; everything else follows from it being there.
//
//go:embed catalogues/*.json
var catalogueFiles embed.FS

// maxAcceptLanguage is how much of an Accept-Language header is read, in bytes; browsers send a tenth of it.
const maxAcceptLanguage = 1 << 10

// languageParameter of a page's address switches its language, and stays on the way to the next page.
const languageParameter = "lang"

// switchedQuery is what keeps the language that r was switched to on the next page: "?lang=fr", or nothing.
func switchedQuery(r *http.Request) string {
	if c := spoken.switched(r); c != nil {
		return "?" + languageParameter + "=" + string(c.tag)
	}
	return ""
}

// catalogue is all that the pages say in one language: texts by key, with gaps such as {account}.
type catalogue struct {
	tag   usherv1.Language
	texts map[string]string
}

// Tag of the language.
func (c *catalogue) Tag() string { return string(c.tag) }

// Name of the language, in itself.
func (c *catalogue) Name() (string, error) { return c.text("language.name") }

// text of key, with its gaps filled from name and value pairs. What is filled in is not looked at again.
func (c *catalogue) text(key string, gaps ...any) (string, error) {
	text, known := c.texts[key]
	if !known {
		return "", fmt.Errorf("catalogue %s has no text %q", c.tag, key)
	}
	if len(gaps) == 0 {
		return text, nil
	}
	pairs := make([]string, 0, len(gaps))
	for i := 0; i+1 < len(gaps); i += 2 {
		pairs = append(pairs, fmt.Sprintf("{%v}", gaps[i]), fmt.Sprint(gaps[i+1]))
	}
	return strings.NewReplacer(pairs...).Replace(text), nil
}

// moment writes t as a person of this language does, in UTC and saying so: nobody told us where they live.
func (c *catalogue) moment(t time.Time) (string, error) {
	t = t.UTC()
	weekday, err := c.text("weekday." + strings.ToLower(t.Weekday().String()))
	if err != nil {
		return "", err
	}
	month, err := c.text("month." + strings.ToLower(t.Month().String()))
	if err != nil {
		return "", err
	}
	day := strconv.Itoa(t.Day())
	if t.Day() == 1 {
		if day, err = c.text("day.first"); err != nil {
			return "", err
		}
	}
	return c.text("moment", "weekday", weekday, "day", day, "month", month, "year", t.Year(),
		"hour", t.Format("15"), "hour12", t.Format("3"), "minute", t.Format("04"), "period", t.Format("PM"))
}

// languages are the catalogues that there are.
type languages struct {
	byTag   map[usherv1.Language]*catalogue
	ordered []*catalogue // as in matcher; the default first, and once more for its language without a region
	sorted  []*catalogue // by tag
	matcher language.Matcher
}

// loadLanguages reads the built-in catalogues, and panics where one is broken: every test would have said so.
func loadLanguages() *languages {
	l := &languages{byTag: map[usherv1.Language]*catalogue{}}
	files, err := catalogueFiles.ReadDir("catalogues")
	if err != nil {
		panic(err)
	}
	for _, file := range files {
		content, err := catalogueFiles.ReadFile("catalogues/" + file.Name())
		if err != nil {
			panic(err)
		}
		c := &catalogue{tag: usherv1.Language(strings.TrimSuffix(file.Name(), path.Ext(file.Name())))}
		if err := json.Unmarshal(content, &c.texts); err != nil {
			panic(fmt.Errorf("catalogue %s: %w", c.tag, err))
		}
		l.byTag[c.tag] = c
		l.sorted = append(l.sorted, c) // as the files are
		if c.tag == usherv1.DefaultLanguage {
			l.ordered = append([]*catalogue{c, c}, l.ordered...)
		} else {
			l.ordered = append(l.ordered, c)
		}
	}
	tags := make([]language.Tag, 0, len(l.ordered))
	for _, c := range l.ordered {
		tags = append(tags, language.MustParse(string(c.tag)))
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
func (l *languages) choose(r *http.Request, v *visit) *catalogue {
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
func (l *languages) switched(r *http.Request) *catalogue {
	return l.byTag[usherv1.Language(r.URL.Query().Get(languageParameter))]
}

// accepted is the catalogue that suits the request's Accept-Language best, or nil if none does.
func (l *languages) accepted(r *http.Request) *catalogue {
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
