// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/portal/web"
)

// mirrored is a language that is written from right to left: the default's texts in brackets, each with a right-to-left letter
// at both ends. Whatever a page says outside of the brackets comes from no catalogue.
const mirrored usherv1.Language = "ar-XB"

const open, closed = "\u05d0⟦", "⟧\u05d0"

// speakMirrored adds the language for the time of a test.
func speakMirrored(t *testing.T) {
	c := *web.Spoken.ByTag[usherv1.DefaultLanguage]
	c.Tag, c.Name, c.Dir, c.PageTexts = mirrored, open+c.Name+closed, "rtl", maps.Clone(c.PageTexts)
	c.Date.Page = open + c.Date.Page + closed
	for key, text := range c.PageTexts {
		c.PageTexts[key] = open + text + closed
	}
	web.Spoken.ByTag[mirrored] = &c
	t.Cleanup(func() { delete(web.Spoken.ByTag, mirrored) })
}

// mirroredPages are the form with every mistake that there can be at once, and every notice. No API server would take a member
// of this language, so they are drawn without one.
func mirroredPages(t *testing.T) map[string]*httptest.ResponseRecorder {
	speakMirrored(t)
	v := &visit{
		member: usherv1.Member{Spec: usherv1.MemberSpec{
			Email: "ada@acme.example", Role: "salesrep", Language: mirrored, GivenName: "Augusta",
		}},
		account: usherv1.Account{Spec: usherv1.AccountSpec{
			DisplayName: "Acme SAS", ProductURL: "https://app.acme.example", TermsURL: "https://acme.example/terms",
			Contact: &usherv1.AccountContact{Email: "it@acme.example", Phone: "+33 1 23 45 67 89"},
		}},
		contact:    usherv1.AccountContact{Email: "it@acme.example", Phone: "+33 1 23 45 67 89"},
		invitation: usherv1.Invitation{Status: usherv1.InvitationStatus{ExpiresAt: &metav1.Time{Time: noon}}},
	}
	p := &Portal{log: logr.Discard()}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	pages := map[string]*httptest.ResponseRecorder{"form": httptest.NewRecorder()}
	a := prefilled(&v.member)
	a.personal[credentials.KeyFamilyName], a.personal[credentials.KeyPhone], a.password = "Love\alace", strings.Repeat("1", 51), "short"
	p.renderForm(pages["form"], r, http.StatusUnprocessableEntity, v, a, a.mistakes(v))
	for _, n := range allNotices {
		pages[n.name] = httptest.NewRecorder()
		p.renderNotice(pages[n.name], r, v, n, 0)
	}
	a.password, a.terms = "", false
	a.personal[credentials.KeyLanguage] = "xx"
	form := profileForm{answers: a, contactEmail: "x", contactAddress: strings.Repeat(" ", 501), old: "x"}
	wrong := append(mistakesInPersonal(form.personal), form.mistakesOfCompany()...)
	wrong = append(wrong, mistake{field: fieldOldPassword, key: "error.old"})
	v.member.Status.Role, v.administers = "admin", true
	v.member.Status.Seats = []usherv1.MemberSeat{{Pool: "base", Grant: 1}}
	pages["profile"], pages["sign-in"] = httptest.NewRecorder(), httptest.NewRecorder()
	p.renderProfile(pages["profile"], httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?saved=details", nil),
		http.StatusUnprocessableEntity, v, form, wrong)
	p.renderSignIn(pages["sign-in"], httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?lang=ar-XB", nil),
		http.StatusUnprocessableEntity, "x", "error.sign-in")
	pages["decline"] = httptest.NewRecorder()
	p.render(pages["decline"], http.StatusOK, newPage(r, v, "decline"), "decline.html")
	return pages
}

func TestPagesFollowTheDirectionOfWriting(t *testing.T) {
	g := NewWithT(t)
	for name, answer := range mirroredPages(t) {
		body := answer.Body.String()
		g.Expect(answer.Header().Get("Content-Language")).To(BeEquivalentTo(mirrored), name)
		g.Expect(body).To(ContainSubstring(`<html lang="ar-XB" dir="rtl">`), name)
	}
}

func TestPagesSayNothingOutsideOfTheCatalogue(t *testing.T) {
	g := NewWithT(t)
	text := regexp.MustCompile(`>([^<]+)<`)
	inBrackets := regexp.MustCompile(`(?s)` + open + `.*` + closed)
	data := []string{
		"Acme SAS", "", "ada@acme.example", "", "it@acme.example", "", "&#43;33 1 23 45 67 89", "", "salesrep", "", "admin", "", "A", "",
	}
	for _, other := range web.Spoken.Sorted { // names itself
		data = append(data, other.Name, "")
	}
	replacer := strings.NewReplacer(data...)
	for name, answer := range mirroredPages(t) {
		for _, match := range text.FindAllStringSubmatch(answer.Body.String(), -1) {
			rest := strings.TrimSpace(replacer.Replace(inBrackets.ReplaceAllString(match[1], "")))
			g.Expect(rest).To(BeEmpty(), "%s says %q", name, match[1])
		}
	}
}

// Left and right are the same for everybody; start and end turn around with the direction.
func TestTheLayoutNamesNoSide(t *testing.T) {
	side := regexp.MustCompile(`(?m)(?:(?:margin|padding|border|scroll-margin|scroll-padding)-(?:left|right)|^\s*(?:left|right)\s*:|(?:text-align|float|clear)\s*:\s*(?:left|right)).*`)
	g := NewWithT(t)
	g.Expect(side.FindAllString(string(stylesheetText), -1)).To(BeEmpty())
	// But for these: a plus sign would stand behind its number.
	g.Expect(string(stylesheetText)).To(MatchRegexp(`\.contacts a \{[^}]*direction: ltr; unicode-bidi: isolate;`))
}
