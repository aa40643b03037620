// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"io/fs"
	"maps"
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
	used := map[string]bool{"subject": true}
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

	for _, language := range []usherv1.Language{"en-GB", "fr"} {
		if catalogues[language] == nil {
			t.Errorf("there is no catalogue for %s", language)
		}
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
		for _, part := range []string{"day", "month", "year", "minute"} {
			if !slices.Contains(placeholders(c.Date.Pattern), part) {
				t.Errorf("%s: the date has no {%s}", language, part)
			}
		}
		if !strings.Contains(c.Date.Pattern, "UTC") {
			t.Errorf("%s: the date does not name its zone", language)
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
	american := &catalogue{Date: dateFormat{
		Pattern: "{month} {day}, {year} at {hour12}:{minute} {period} UTC",
		Months:  catalogues["en-GB"].Date.Months,
	}}
	for _, test := range []struct {
		in   *catalogue
		at   time.Time
		want string
	}{
		{catalogues["en-GB"], time.Date(2026, time.November, 29, 14, 5, 59, 0, time.UTC), "29 November 2026 at 14:05 UTC"},
		{catalogues["fr"], time.Date(2026, time.November, 29, 14, 5, 0, 0, time.UTC), "29 novembre 2026 à 14\u00a0h\u00a005 UTC"},
		{catalogues["fr"], time.Date(2027, time.January, 1, 0, 30, 0, 0, paris), "31 décembre 2026 à 23\u00a0h\u00a030 UTC"},
		{catalogues["fr"], time.Date(2026, time.August, 1, 9, 0, 0, 0, time.UTC), "1er août 2026 à 09\u00a0h\u00a000 UTC"},
		{catalogues["en-GB"], time.Date(2026, time.August, 1, 9, 0, 0, 0, time.UTC), "1 August 2026 at 09:00 UTC"},
		{american, time.Date(2026, time.November, 9, 0, 5, 0, 0, time.UTC), "November 9, 2026 at 12:05 AM UTC"},
		{american, time.Date(2026, time.November, 9, 14, 5, 0, 0, time.UTC), "November 9, 2026 at 2:05 PM UTC"},
	} {
		if got := test.in.moment(test.at); got != test.want {
			t.Errorf("%s is written %q, want %q", test.at, got, test.want)
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
