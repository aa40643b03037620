// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package catalogue

import (
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

// texts returns all texts of a catalogue, by section and key.
func (c *Catalogue) texts() map[string]string {
	all := map[string]string{"name": c.Name, "restricted": c.Restricted}
	for key, text := range c.MailTexts {
		all["mail "+key] = text
	}
	for key, text := range c.PageTexts {
		all["page "+key] = text
	}
	return all
}

// Every language has the same texts with the same placeholders. The tests of internal/message and internal/portal check that
// these are the texts that mails and pages use.
func TestCataloguesAreComplete(t *testing.T) {
	reference := builtIn[usherv1.DefaultLanguage].texts()
	want := slices.Sorted(maps.Keys(reference))
	if got, want := All().Tags(), languagesOfTheAPI(t); !slices.Equal(got, want) {
		t.Errorf("there are catalogues for %q, and the API has the languages %q", got, want)
	}
	for language, c := range builtIn {
		texts := c.texts()
		if got := slices.Sorted(maps.Keys(texts)); !slices.Equal(got, want) {
			t.Errorf("%s has the texts\n%q, want\n%q", language, got, want)
		}
		for key, text := range texts {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s: %s is empty", language, key)
			}
			if got, want := placeholders(text), placeholders(reference[key]); !slices.Equal(got, want) {
				t.Errorf("%s: %s has the placeholders %q, want %q", language, key, got, want)
			}
		}
		if got := placeholders(c.Restricted); !slices.Equal(got, []string{"owner"}) {
			t.Errorf("%s: restricted has the placeholders %q, want owner", language, got)
		}
		checkPatterns(t, c)
	}
}

func checkPatterns(t *testing.T, c *Catalogue) {
	t.Helper()
	inMail := []string{c.Date.Mail}
	if c.Date.MailAtOne != "" {
		inMail = append(inMail, c.Date.MailAtOne)
	}
	for _, pattern := range append(inMail, c.Date.Page) {
		has := placeholders(pattern)
		if pattern == c.Date.Page {
			if !slices.Contains(has, "weekday") {
				t.Errorf("%s: a date on a page has no weekday", c.Tag)
			}
			has = slices.DeleteFunc(has, func(name string) bool { return name == "weekday" })
		}
		if !slices.Equal(has, []string{"day", "hour", "minute", "month", "year"}) &&
			!slices.Equal(has, []string{"day", "hour12", "minute", "month", "period", "year"}) {
			t.Errorf("%s: a date has the placeholders %q", c.Tag, has)
		}
		if !strings.HasSuffix(pattern, " UTC") {
			t.Errorf("%s: a date does not name its zone", c.Tag)
		}
	}
	for _, name := range append(slices.Clone(c.Date.Months), c.Date.Weekdays...) {
		if strings.TrimSpace(name) == "" {
			t.Errorf("%s: a month or a weekday has no name", c.Tag)
		}
	}
}

// languagesOfTheAPI returns the values of usherv1.Language, as the API's own source lists them, in alphabetical order.
func languagesOfTheAPI(t *testing.T) []usherv1.Language {
	t.Helper()
	source, err := os.ReadFile("../../../api/v1alpha1/common_types.go")
	if err != nil {
		t.Fatal(err)
	}
	enum := regexp.MustCompile(`validation:Enum=(\S+)\ntype Language string`).FindSubmatch(source)
	if enum == nil {
		t.Fatal("the API does not list its languages")
	}
	var languages []usherv1.Language
	for tag := range strings.SplitSeq(string(enum[1]), ";") {
		languages = append(languages, usherv1.Language(tag))
	}
	slices.Sort(languages)
	return languages
}

// TestThePortalsPageNamesEveryLanguage: docs/portal.md lists the languages, in alphabetical order.
func TestThePortalsPageNamesEveryLanguage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/portal.md")
	if err != nil {
		t.Fatal(err)
	}
	sentence := regexp.MustCompile(`Pages are available in ([^.]*)\.`).FindSubmatch(page)
	if sentence == nil {
		t.Fatal("docs/portal.md does not say in which languages pages are available")
	}
	var listed []usherv1.Language
	for _, tag := range regexp.MustCompile("`([^`]+)`").FindAllSubmatch(sentence[1], -1) {
		listed = append(listed, usherv1.Language(tag[1]))
	}
	if want := All().Tags(); !slices.Equal(listed, want) {
		t.Errorf("docs/portal.md lists the languages %q, and there are %q", listed, want)
	}
}

func placeholders(text string) []string {
	var names []string
	for _, match := range placeholder.FindAllStringSubmatch(text, -1) {
		names = append(names, match[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestTypography(t *testing.T) {
	anywhere := regexp.MustCompile(`['"]|  |^ | $`)
	french := regexp.MustCompile(`[^\x{a0}\x{202f}][:;?!»]|«[^\x{a0}\x{202f}]`)
	for language, c := range builtIn {
		texts := c.texts()
		texts["date.mail"], texts["date.mailAtOne"], texts["date.page"] = c.Date.Mail, c.Date.MailAtOne, c.Date.Page
		for key, text := range texts {
			if found := anywhere.FindString(text); found != "" {
				t.Errorf("%s: %s contains %q", language, key, found)
			}
			if found := french.FindString(text); language == "fr" && found != "" {
				t.Errorf("%s: %s contains %q without a no-break space", language, key, found)
			}
			if language == "es" && (strings.Count(text, "¿") != strings.Count(text, "?") || strings.Count(text, "¡") != strings.Count(text, "!")) {
				t.Errorf("%s: %s opens and closes a different number of questions or exclamations", language, key)
			}
		}
	}
}

func TestAMissingTextIsAnError(t *testing.T) {
	c := builtIn[usherv1.DefaultLanguage]
	for section, lookup := range map[string]func(string, map[string]string) (Sentence, error){"mail": c.Mail, "page": c.Page} {
		_, err := lookup("no.such.key", nil)
		if want := `catalogue en-GB has no text "no.such.key" in section "` + section + `"`; err == nil || err.Error() != want {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
}

func TestALanguageWithoutACatalogueIsWrittenInTheDefault(t *testing.T) {
	for language, want := range map[usherv1.Language]usherv1.Language{"fr": "fr", "": "en-GB", "tlh": "en-GB"} {
		if got := All().For(language).Tag; got != want {
			t.Errorf("%q is written in %s, want %s", language, got, want)
		}
	}
}

func TestASetIsTheCallersOwn(t *testing.T) {
	set := All()
	delete(set, "fr")
	if All()["fr"] == nil {
		t.Error("a caller removed a language for everyone")
	}
}

func TestFill(t *testing.T) {
	values := map[string]string{"a": "{b}", "b": "2", "empty": ""}
	for text, want := range map[string]string{
		"":                "",
		"no placeholder":  "no placeholder",
		"{a} and {b}":     "{b} and 2",
		"{a}{a}":          "{b}{b}",
		"({empty})":       "()",
		"{unknown} {b} {": "{unknown} 2 {",
	} {
		if got := fill(text, values).String(); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestABrokenCatalogueIsRefused(t *testing.T) {
	valid, err := files.ReadFile("en-GB.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := load(fstest.MapFS{"xx.yaml": {Data: valid}}); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string][2]string{
		"an unknown section":   {"restricted:", "restrictd:"},
		"an unknown date key":  {"  months:", "  monhts:"},
		"a text twice":         {"  greeting:", "  footer:"},
		"an unknown direction": {"dir: ltr", "dir: up"},
		"too few months":       {"January, ", ""},
		"too few weekdays":     {"Monday, ", ""},
		"no pattern":           {"  mail: \"", "  mailAtOne: \""},
	} {
		broken := strings.Replace(string(valid), edit[0], edit[1], 1)
		if broken == string(valid) {
			t.Fatalf("%s: the catalogue has no %q", name, edit[0])
		}
		if _, err := load(fstest.MapFS{"xx.yaml": {Data: []byte(broken)}}); err == nil {
			t.Errorf("%s passed unnoticed", name)
		}
	}
}

func TestMailMoment(t *testing.T) {
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
		if builtIn[test.in] == nil {
			t.Errorf("there is no catalogue for %s", test.in)
		} else if got := builtIn[test.in].MailMoment(test.at); got != test.want {
			t.Errorf("%s: %s is written %q, want %q", test.in, test.at, got, test.want)
		}
	}
}

func TestEveryLanguage(t *testing.T) {
	evening := time.Date(2026, time.November, 27, 21, 5, 0, 0, time.UTC)
	first := time.Date(2026, time.December, 1, 1, 9, 59, 0, time.FixedZone("CET", 3600))
	languages := map[usherv1.Language]struct{ name, evening, first string }{
		"de":    {"Deutsch", "Freitag, 27. November 2026 um 21:05 UTC", "Dienstag, 1. Dezember 2026 um 00:09 UTC"},
		"en-GB": {"English (UK)", "Friday 27 November 2026, 21:05 UTC", "Tuesday 1 December 2026, 00:09 UTC"},
		"en-US": {"English (US)", "Friday, November 27, 2026, at 9:05\u00a0PM UTC", "Tuesday, December 1, 2026, at 12:09\u00a0AM UTC"},
		"es":    {"Español", "viernes, 27 de noviembre de 2026, 21:05 UTC", "martes, 1 de diciembre de 2026, 00:09 UTC"},
		"fr":    {"Français", "vendredi 27 novembre 2026 à 21\u00a0h\u00a005 UTC", "mardi 1er décembre 2026 à 00\u00a0h\u00a009 UTC"},
		"it":    {"Italiano", "venerdì 27 novembre 2026 alle ore 21:05 UTC", "martedì 1º dicembre 2026 alle ore 00:09 UTC"},
		"nl":    {"Nederlands", "vrijdag 27 november 2026 om 21:05 UTC", "dinsdag 1 december 2026 om 00:09 UTC"},
	}
	if got, want := slices.Sorted(maps.Keys(languages)), All().Tags(); !slices.Equal(got, want) {
		t.Errorf("the test has the languages %q, and there are %q", got, want)
	}
	for tag, want := range languages {
		c := builtIn.For(tag)
		if c.Tag != tag || c.Name != want.name {
			t.Errorf("%s is %s and names itself %q, want %q", tag, c.Tag, c.Name, want.name)
		}
		for at, want := range map[time.Time]string{evening: want.evening, first: want.first} {
			if got := c.PageMoment(at); got != want {
				t.Errorf("%s: %s is written %q, want %q", tag, at, got, want)
			}
		}
	}
}
