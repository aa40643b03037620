// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

var said = regexp.MustCompile(`\.Say "([a-zA-Z]+)"`)

// A language is complete if it has every message that the templates and the subject use, and no other, with the same values.
func TestCataloguesAreComplete(t *testing.T) {
	used := map[string]bool{"subject": true, "reminderSubject": true}
	if err := fs.WalkDir(templateFiles, "templates", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		source, err := templateFiles.ReadFile(name)
		for _, match := range said.FindAllSubmatch(source, -1) {
			used[string(match[1])] = true
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(maps.Keys(used))
	reference := catalogues[usherv1.DefaultLanguage]

	if got, want := slices.Sorted(maps.Keys(catalogues)), LanguagesOfTheAPI(t); !slices.Equal(got, want) {
		t.Errorf("there are catalogues for %q, and the API has the languages %q", got, want)
	}
	for language, c := range catalogues {
		if got := slices.Sorted(maps.Keys(c.Messages)); !slices.Equal(got, want) {
			t.Errorf("%s has the messages\n%q, and the templates use\n%q", language, got, want)
		}
		for key, message := range c.Messages {
			if strings.TrimSpace(message) == "" {
				t.Errorf("%s: %s is empty", language, key)
			}
			if got, want := placeholders(message), placeholders(reference.Messages[key]); !slices.Equal(got, want) {
				t.Errorf("%s: %s has the placeholders %q, want %q", language, key, got, want)
			}
		}
		if c.Dir != "ltr" && c.Dir != "rtl" {
			t.Errorf("%s: dir is %q", language, c.Dir)
		}
		if len(c.Date.Months) != 12 {
			t.Errorf("%s has %d months", language, len(c.Date.Months))
		}
		patterns := []string{c.Date.Pattern}
		if c.Date.OneOClock != "" {
			patterns = append(patterns, c.Date.OneOClock)
		}
		for _, pattern := range patterns {
			has := placeholders(pattern)
			if !slices.Equal(has, []string{"day", "hour", "minute", "month", "year"}) &&
				!slices.Equal(has, []string{"day", "hour12", "minute", "month", "period", "year"}) {
				t.Errorf("%s: a date has the placeholders %q", language, has)
			}
			if !strings.HasSuffix(pattern, " UTC") {
				t.Errorf("%s: a date does not name its zone", language)
			}
		}
	}
}

// LanguagesOfTheAPI are the values of usherv1.Language, in the API's own words and in order.
func LanguagesOfTheAPI(t *testing.T) []usherv1.Language {
	t.Helper()
	source, err := os.ReadFile("../../api/v1alpha1/common_types.go")
	if err != nil {
		t.Fatal(err)
	}
	enum := regexp.MustCompile(`validation:Enum=(\S+)\ntype Language string`).FindSubmatch(source)
	if enum == nil {
		t.Fatal("the API does not say which languages there are")
	}
	var languages []usherv1.Language
	for tag := range strings.SplitSeq(string(enum[1]), ";") {
		languages = append(languages, usherv1.Language(tag))
	}
	slices.Sort(languages)
	return languages
}

func TestTypography(t *testing.T) {
	wrong := map[usherv1.Language]*regexp.Regexp{"": regexp.MustCompile(`['"]|  |^ | $`)}
	wrong["fr"] = regexp.MustCompile(`[^\x{a0}\x{202f}][:;?!»]|«[^\x{a0}\x{202f}]`)
	for language, c := range catalogues {
		for key, message := range c.Messages {
			for _, rule := range []*regexp.Regexp{wrong[""], wrong[language]} {
				if rule != nil && rule.MatchString(message) {
					t.Errorf("%s: %s has %q in it", language, key, rule.FindString(message))
				}
			}
			if language == "es" && strings.Count(message, "¿") != strings.Count(message, "?") {
				t.Errorf("%s: %s asks with one question mark", language, key)
			}
		}
	}
}

func placeholders(message string) []string {
	var names []string
	for _, match := range placeholder.FindAllStringSubmatch(message, -1) {
		names = append(names, match[1])
	}
	slices.Sort(names)
	return names
}

func TestCatalogueWithAnUnknownKeyIsRefused(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a misspelt key passed unnoticed")
		}
	}()
	mustLoadCatalogues(fstest.MapFS{"catalogues/xx.yaml": {Data: []byte("dir: ltr\nmesages: {}\n")}})
}

func TestMoment(t *testing.T) {
	paris := time.FixedZone("CET", 3600)
	for _, test := range []struct {
		in   usherv1.Language
		at   time.Time
		want string
	}{
		{"en-GB", time.Date(2026, time.November, 29, 14, 5, 59, 0, time.UTC), "29 November 2026 at 14:05 UTC"},
		{"fr", time.Date(2026, time.November, 29, 14, 5, 0, 0, time.UTC), "29 novembre 2026 à 14\u00a0h\u00a005 UTC"},
		{"fr", time.Date(2027, time.January, 1, 0, 30, 0, 0, paris), "31 décembre 2026 à 23\u00a0h\u00a030 UTC"},
		{"fr", time.Date(2026, time.August, 1, 9, 0, 0, 0, time.UTC), "1er août 2026 à 09\u00a0h\u00a000 UTC"},
		{"en-GB", time.Date(2026, time.August, 1, 9, 0, 0, 0, time.UTC), "1 August 2026 at 09:00 UTC"},
		{"de", time.Date(2026, time.November, 29, 14, 5, 0, 0, time.UTC), "29. November 2026 um 14:05 UTC"},
		{"de", time.Date(2026, time.March, 1, 1, 0, 0, 0, time.UTC), "1. März 2026 um 01:00 UTC"},
		{"en-US", time.Date(2026, time.November, 29, 14, 5, 0, 0, time.UTC), "November 29, 2026, at 2:05\u00a0PM UTC"},
		{"en-US", time.Date(2026, time.November, 9, 0, 5, 0, 0, time.UTC), "November 9, 2026, at 12:05\u00a0AM UTC"},
		{"en-US", time.Date(2026, time.May, 1, 12, 0, 0, 0, time.UTC), "May 1, 2026, at 12:00\u00a0PM UTC"},
		{"es", time.Date(2026, time.November, 29, 14, 5, 0, 0, time.UTC), "29 de noviembre de 2026 a las 14:05 UTC"},
		{"es", time.Date(2026, time.January, 1, 1, 5, 0, 0, time.UTC), "1 de enero de 2026 a la 01:05 UTC"},
		{"it", time.Date(2026, time.November, 29, 14, 5, 0, 0, time.UTC), "29 novembre 2026 alle ore 14:05 UTC"},
		{"it", time.Date(2026, time.June, 1, 1, 5, 0, 0, time.UTC), "1º giugno 2026 alle ore 01:05 UTC"},
		{"nl", time.Date(2026, time.November, 29, 14, 5, 0, 0, time.UTC), "29 november 2026 om 14:05 UTC"},
		{"nl", time.Date(2026, time.March, 1, 9, 5, 0, 0, time.UTC), "1 maart 2026 om 09:05 UTC"},
	} {
		if catalogues[test.in] == nil {
			t.Errorf("there is no catalogue for %s", test.in)
		} else if got := catalogues[test.in].moment(test.at); got != test.want {
			t.Errorf("%s: %s is written %q, want %q", test.in, test.at, got, test.want)
		}
	}
}

func TestWrap(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{"one two", "one two"},
		{strings.Repeat("abcdefgh ", 9), strings.TrimSpace(strings.Repeat("abcdefgh ", 8)) + "\nabcdefgh "},
		{"a " + long + " b", "a\n" + long + "\nb"},
		{strings.Repeat("é", 70) + " é", strings.Repeat("é", 70) + " é"},
		{strings.Repeat("é", 71) + " é", strings.Repeat("é", 71) + "\né"},
		{strings.Repeat("a", 68) + " à\u00a014\u00a0h", strings.Repeat("a", 68) + "\nà\u00a014\u00a0h"},
	} {
		if got := wrap(test.in); got != test.want {
			t.Errorf("wrap(%q) is\n%q, want\n%q", test.in, got, test.want)
		}
	}
}
