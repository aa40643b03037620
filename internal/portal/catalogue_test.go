// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"testing"

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

// usedKeys are the keys that templates and code ask for. The tests of the catalogue compare the languages with each other.
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
	inCode := regexp.MustCompile(`"((?:error|hint)\.[a-z.-]+)"`)
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
	return used
}

func TestCataloguesAreComplete(t *testing.T) {
	g := NewWithT(t)
	used := usedKeys(g)
	g.Expect(spoken.ordered[0].Tag).To(Equal(usherv1.DefaultLanguage))
	for tag, c := range spoken.byTag {
		for key := range used {
			g.Expect(c.PageTexts[key]).NotTo(BeEmpty(), "%s lacks %q", tag, key)
		}
		for key := range c.PageTexts {
			g.Expect(used).To(HaveKey(key), "%s has %q, which nothing uses", tag, key)
		}
		for _, n := range allNotices[12:] { // these are shown to nobody in particular, with nothing to fill a gap
			for _, part := range []string{".title", ".text", ".next"} {
				g.Expect(c.PageTexts["notice."+n.name+part]).NotTo(ContainSubstring("{"), "%s %s%s", tag, n.name, part)
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
	_, err := (&page{catalogue: spoken.ordered[0]}).T("no.such.key")
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring("no.such.key")))
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
		g.Expect(spoken.choose(r, nil).Tag).To(Equal(want), "Accept-Language: %s", accept)
	}
}
