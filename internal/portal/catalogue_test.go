// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal/web"
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
	sources, err := filepath.Glob("*.go")
	g.Expect(err).NotTo(HaveOccurred())
	inWeb, err := filepath.Glob("web/*.go")
	g.Expect(err).NotTo(HaveOccurred())
	for _, file := range append(sources, inWeb...) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
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
		fieldPassword, fieldConfirm, fieldTerms,
		fieldEmail, fieldOldPassword, fieldContactEmail, fieldContactPhone, fieldContactAddress,
	} {
		used["field."+name] = true
	}
	for _, f := range credentials.Fields {
		used["field."+f.Name] = true
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
	g.Expect(web.Spoken.Ordered[0].Tag).To(Equal(usherv1.DefaultLanguage))
	for tag, c := range web.Spoken.ByTag {
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
	_, err := (&page{catalogue: web.Spoken.Ordered[0]}).T("no.such.key")
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring("no.such.key")))
}

// A row of the table of personal fields is on every page, in the Secret and in what the page knows of the member.
func TestAPersonalFieldIsOneRowOfTheTable(t *testing.T) {
	before := credentials.Fields
	t.Cleanup(func() { credentials.Fields = before })
	spec := ""
	credentials.Fields = append(slices.Clip(before), credentials.Field{
		Key: "desk", Name: "phone_desk", Type: "tel", Autocomplete: "off", MaxLength: 3,
		OfSpec: func(*usherv1.MemberSpec) string { return spec },
	})
	g := NewWithT(t)
	v := &visit{}
	form := url.Values{"phone_desk": {" 12 "}}
	given := answersOf(form, &v.member)
	g.Expect(given.personal).To(HaveKeyWithValue("desk", "12"))
	g.Expect(profileAnswersOf(form, v, actionDetails).personal).To(HaveKeyWithValue("desk", "12"))
	g.Expect(newCredentials(v, given, nil, noon).Data).To(HaveKeyWithValue("desk", []byte("12")))
	g.Expect(personalFields(given.personal, &v.member.Spec)).To(ContainElement(And(HaveField("Name", "phone_desk"), HaveField("Fixed", false))))
	given.personal["desk"] = "1234"
	wrong := mistakesInPersonal(given.personal)
	g.Expect(wrong).To(HaveLen(1))
	g.Expect(wrong[0].field).To(Equal("phone_desk"))
	spec = "99"
	g.Expect(answersOf(form, &v.member).personal).To(HaveKeyWithValue("desk", "99"))
	g.Expect(profileAnswers(v).personal).To(HaveKeyWithValue("desk", "99"))
	g.Expect(personalFields(given.personal, &v.member.Spec)).To(ContainElement(And(HaveField("Name", "phone_desk"), HaveField("Fixed", true))))
}
