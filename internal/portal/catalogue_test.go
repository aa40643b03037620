// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/invite"
)

var allNotices = []notice{
	noticeWelcome, noticeWaiting, noticeFarewell,
	noticeUsed, noticeDeclined, noticeExpired, noticeRevoked, noticeMemberDisabled, noticeAccountDisabled,
	noticeProfileDisabled, noticeProfileAccountDisabled, noticeProfileWaiting,
	noticeUnknown, noticeMalformed, noticeForeign, noticeTooLarge, noticeTooMany, noticeUnavailable,
}

// usedKeys are the keys that templates and code ask for.
func usedKeys(g *WithT) map[string]bool {
	used := map[string]bool{}
	literal := regexp.MustCompile(`\.T "([^"]+)"`)
	err := fs.WalkDir(templateFiles, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := templateFiles.ReadFile(path)
		for _, match := range literal.FindAllStringSubmatch(string(content), -1) {
			used[match[1]] = true
		}
		return err
	})
	g.Expect(err).NotTo(HaveOccurred())
	inCode := regexp.MustCompile(`"((?:error|hint|day)\.[a-z.-]+|moment)"`)
	for _, file := range []string{"form.go", "pages.go", "language.go", "profile.go", "profileform.go", "signin.go"} {
		content, err := os.ReadFile(file)
		g.Expect(err).NotTo(HaveOccurred())
		for _, match := range inCode.FindAllStringSubmatch(string(content), -1) {
			used[match[1]] = true
		}
	}
	// Those that are put together from parts.
	for _, n := range allNotices {
		for _, part := range []string{".title", ".text", ".next"} {
			used["notice."+n.name+part] = true
		}
	}
	for _, name := range []string{
		fieldSalutation, fieldGivenName, fieldFamilyName, fieldPhone, fieldPassword, fieldConfirm, fieldTerms,
		fieldEmail, fieldOldPassword, fieldLanguage, fieldContactEmail, fieldContactPhone, fieldContactAddress,
	} {
		used["field."+name] = true
	}
	for _, action := range []string{actionDetails, actionPassword, actionCompany} {
		used["saved."+action] = true
	}
	used["sign-in.title"], used["profile.title"] = true, true
	for _, day := range []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"} {
		used["weekday."+day] = true
	}
	for _, month := range []string{
		"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
	} {
		used["month."+month] = true
	}
	return used
}

func TestCataloguesAreComplete(t *testing.T) {
	g := NewWithT(t)
	used := usedKeys(g)
	gap := regexp.MustCompile(`\{[a-z0-9]+\}`)
	gaps := func(text string) []string {
		found := gap.FindAllString(text, -1)
		slices.Sort(found)
		return slices.Compact(found)
	}
	g.Expect(spoken.ordered[0].tag).To(Equal(usherv1.DefaultLanguage))
	g.Expect(slices.Collect(maps.Keys(spoken.byTag))).To(ConsistOf(languagesOfTheAPI(g)))
	for tag, c := range spoken.byTag {
		g.Expect(c.texts["language.direction"]).To(BeElementOf("ltr", "rtl"), "%s", tag)
		for key := range used {
			g.Expect(c.texts[key]).NotTo(BeEmpty(), "%s lacks %q", tag, key)
		}
		for key, text := range c.texts {
			g.Expect(used).To(HaveKey(key), "%s has %q, which nothing uses", tag, key)
			if key == "moment" { // a language takes the clock of 12 or of 24 hours; TestMoments has the rest
				continue
			}
			g.Expect(gaps(text)).To(Equal(gaps(spoken.ordered[0].texts[key])), "gaps of %q in %s", key, tag)
		}
		for _, n := range allNotices[12:] { // these are shown to nobody in particular, with nothing to fill a gap
			for _, part := range []string{".title", ".text", ".next"} {
				g.Expect(gaps(c.texts["notice."+n.name+part])).To(BeEmpty(), "%s %s%s", tag, n.name, part)
			}
		}
	}
}

// languagesOfTheAPI are the values of usherv1.Language, in the API's own words.
func languagesOfTheAPI(g *WithT) []usherv1.Language {
	source, err := os.ReadFile("../../api/v1alpha1/common_types.go")
	g.Expect(err).NotTo(HaveOccurred())
	enum := regexp.MustCompile(`validation:Enum=(\S+)\ntype Language string`).FindSubmatch(source)
	g.Expect(enum).NotTo(BeNil(), "the API does not say which languages there are")
	var tags []usherv1.Language
	for tag := range strings.SplitSeq(string(enum[1]), ";") {
		tags = append(tags, usherv1.Language(tag))
	}
	return tags
}

func TestTypography(t *testing.T) {
	g := NewWithT(t)
	french := regexp.MustCompile(`[^\x{a0}\x{202f}][:;?!»]|«[^\x{a0}\x{202f}]`)
	for tag, c := range spoken.byTag {
		for key, text := range c.texts {
			g.Expect(text).NotTo(ContainSubstring("'"), "%s in %s", key, tag)
			g.Expect(text).NotTo(ContainSubstring(`"`), "%s in %s", key, tag)
			g.Expect(text).NotTo(ContainSubstring("  "), "%s in %s", key, tag)
			switch tag {
			case "fr":
				g.Expect(text).NotTo(MatchRegexp(french.String()), "%s in %s", key, tag)
			case "es":
				g.Expect(strings.Count(text, "¿")).To(Equal(strings.Count(text, "?")), "%s in %s", key, tag)
				g.Expect(strings.Count(text, "¡")).To(Equal(strings.Count(text, "!")), "%s in %s", key, tag)
			}
		}
	}
}

func TestEveryRefusalHasItsNotice(t *testing.T) {
	g := NewWithT(t)
	for _, refusal := range []invite.Refusal{
		invite.RefusedUsed, invite.RefusedDeclined, invite.RefusedExpired, invite.RefusedRevoked,
		invite.RefusedMemberDisabled, invite.RefusedAccountDisabled,
	} {
		g.Expect(noticeOfRefusal).To(HaveKey(refusal))
	}
}

func TestAMissingTextIsAnError(t *testing.T) {
	_, err := spoken.ordered[0].text("no.such.key")
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring("no.such.key")))
}

func TestMoments(t *testing.T) {
	g := NewWithT(t)
	evening, first := noon.Add(9*time.Hour+5*time.Minute), time.Date(2026, time.December, 1, 0, 9, 59, 0, time.UTC)
	moments := map[usherv1.Language][2]string{
		"de":    {"Freitag, 27. November 2026 um 21:05 UTC", "Dienstag, 1. Dezember 2026 um 00:09 UTC"},
		"en-GB": {"Friday 27 November 2026, 21:05 UTC", "Tuesday 1 December 2026, 00:09 UTC"},
		"en-US": {"Friday, November 27, 2026, at 9:05\u00a0PM UTC", "Tuesday, December 1, 2026, at 12:09\u00a0AM UTC"},
		"es":    {"viernes, 27 de noviembre de 2026, 21:05 UTC", "martes, 1 de diciembre de 2026, 00:09 UTC"},
		"fr":    {"vendredi 27 novembre 2026 à 21\u00a0h\u00a005 UTC", "mardi 1er décembre 2026 à 00\u00a0h\u00a009 UTC"},
		"it":    {"venerdì 27 novembre 2026 alle ore 21:05 UTC", "martedì 1º dicembre 2026 alle ore 00:09 UTC"},
		"nl":    {"vrijdag 27 november 2026 om 21:05 UTC", "dinsdag 1 december 2026 om 00:09 UTC"},
	}
	g.Expect(slices.Collect(maps.Keys(moments))).To(ConsistOf(slices.Collect(maps.Keys(spoken.byTag))))
	for tag, want := range moments {
		for i, at := range []time.Time{evening, first.In(time.FixedZone("CET", 3600))} {
			text, err := spoken.byTag[tag].moment(at)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(text).To(Equal(want[i]))
		}
	}
}

func TestWhatTheBrowserAsksFor(t *testing.T) {
	g := NewWithT(t)
	for accept, want := range map[string]usherv1.Language{
		"de": "de", "de-AT": "de", "de-CH,de;q=0.9,en;q=0.8": "de",
		"en": "en-GB", "en-GB": "en-GB", "en-AU,en;q=0.9": "en-GB", "en-IE": "en-GB",
		"en-US": "en-US", "en-US,en;q=0.9": "en-US", "EN-us": "en-US", "en-GB;q=0.4, en-US;q=0.6": "en-US",
		"es": "es", "es-ES": "es", "es-419": "es", "es-MX,es;q=0.9,en-US;q=0.8": "es",
		"fr": "fr", "fr-CA": "fr", "fr-BE,nl;q=0.5": "fr",
		"it": "it", "it-CH": "it",
		"nl": "nl", "nl-BE": "nl", "nl-BE,fr;q=0.5": "nl",
		"pt": "en-GB", "pt-BR,pt;q=0.9": "en-GB", "pt-BR,es;q=0.5": "es", "ja": "en-GB", "*": "en-GB", "": "en-GB",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Accept-Language", accept)
		g.Expect(spoken.choose(r, nil).tag).To(Equal(want), "Accept-Language: %s", accept)
	}
}
