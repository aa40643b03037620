// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/invite"
)

var allNotices = []notice{
	noticeWelcome, noticeWaiting, noticeFarewell,
	noticeUsed, noticeDeclined, noticeExpired, noticeRevoked, noticeMemberDisabled, noticeAccountDisabled,
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
	inCode := regexp.MustCompile(`"((?:error|hint)\.[a-z.]+|moment)"`)
	for _, file := range []string{"form.go", "pages.go", "language.go"} {
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
	} {
		used["field."+name] = true
	}
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
	gap := regexp.MustCompile(`\{[a-z]+\}`)
	gaps := func(text string) []string {
		found := gap.FindAllString(text, -1)
		slices.Sort(found)
		return slices.Compact(found)
	}
	g.Expect(spoken.ordered[0].tag).To(Equal(usherv1.DefaultLanguage))
	g.Expect(spoken.byTag).To(HaveKey(usherv1.Language("fr")))
	for tag, c := range spoken.byTag {
		for key := range used {
			g.Expect(c.texts[key]).NotTo(BeEmpty(), "%s lacks %q", tag, key)
		}
		for key, text := range c.texts {
			g.Expect(used).To(HaveKey(key), "%s has %q, which nothing uses", tag, key)
			g.Expect(gaps(text)).To(Equal(gaps(spoken.ordered[0].texts[key])), "gaps of %q in %s", key, tag)
		}
		for _, n := range allNotices[9:] { // these are shown to nobody in particular, with nothing to fill a gap
			for _, part := range []string{".title", ".text", ".next"} {
				g.Expect(gaps(c.texts["notice."+n.name+part])).To(BeEmpty(), "%s %s%s", tag, n.name, part)
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
	for tag, want := range map[usherv1.Language]string{
		"en-GB": "Friday 27 November 2026, 12:00 UTC", "fr": "vendredi 27 novembre 2026 à 12:00 UTC",
	} {
		text, err := spoken.byTag[tag].moment(noon)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(strings.TrimSpace(text)).To(Equal(want))
	}
}
