// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/page/pagetest"
	"github.com/usher-dev/usher/internal/portal/session"
	"github.com/usher-dev/usher/internal/portal/web"
)

func newPages() *Pages {
	site := pagetest.Site()
	return New(site, session.New(site, session.Options{}))
}

// The pages are drawn with as many mistakes as they can have at once.
func TestPagesInAnotherDirection(t *testing.T) {
	pagetest.SpeakMirrored(t)
	v := &session.Member{Person: pagetest.Person(), Administers: true}
	v.Member.Status.Role = "admin"
	v.Member.Status.Seats = []usherv1.MemberSeat{{Pool: "base", Grant: 1}}
	p := newPages()
	form := profileForm{personal: credentials.OfSpec(&v.Member.Spec), contactEmail: "x", contactAddress: strings.Repeat(" ", 501), old: "x"}
	form.personal[credentials.KeyFamilyName], form.personal[credentials.KeyPhone] = "Love\alace", strings.Repeat("1", 51)
	form.personal[credentials.KeyLanguage] = "xx"
	wrong := append(page.MistakesInPersonal(form.personal), form.mistakesOfCompany(nil)...)
	wrong = append(wrong, page.Mistake{Field: fieldOldPassword, Key: "error.old"})
	pages := map[string]*httptest.ResponseRecorder{}
	for _, name := range []string{"profile", "saved", "sign-in", "reset", "wait"} {
		pages[name] = httptest.NewRecorder()
	}
	saved := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?saved=details", nil)
	p.renderProfile(pages["profile"], saved, http.StatusUnprocessableEntity, v, form, wrong)
	p.renderProfile(pages["saved"], saved, http.StatusOK, v, profileForm{}, nil)
	anyone := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?lang=ar-XB", nil)
	p.renderSignIn(pages["sign-in"], anyone, http.StatusUnprocessableEntity, signInForm{email: "x", company: "y", problem: "error.sign-in.company"})
	p.renderSignIn(pages["reset"], anyone, http.StatusOK, signInForm{saved: true})
	p.RenderNotice(pages["wait"], anyone, nil, noticeWait, 0)
	pagetest.ExpectMirrored(t, pages)
}

// A row of the table of personal fields is in the profile.
func TestAPersonalFieldOfTheProfileIsOneRowOfTheTable(t *testing.T) {
	spec := ""
	pagetest.AddField(t, &spec)
	g := NewWithT(t)
	v := &session.Member{}
	g.Expect(profileAnswersOf(url.Values{"phone_desk": {" 12 "}}, v, actionDetails).personal).To(HaveKeyWithValue("desk", "12"))
	spec = "99"
	g.Expect(profileAnswers(v).personal).To(HaveKeyWithValue("desk", "99"))
}

// A page never shows markup that a visitor typed.
func FuzzForm(f *testing.F) {
	for _, body := range []string{
		"action=details&salutation=Dr&given_name=Augusta&family_name=King&phone=%2B44+1&language=fr", "", "&&&", "given_name=%3Cscript%3E",
		"action=sign-in&email=%3Cb%3Eada&password=x&company=%3Cb%3EAcme", "old_password=%3Cb%3Ex&password=%00&password_confirm=%00",
		"action=company&contact_email=%3C%22%40x&contact_address=a%0D%0Ab", "a;b=c", "%zz",
	} {
		f.Add(body)
	}
	p := newPages()
	v := &session.Member{Administers: true, Person: page.Person{Account: usherv1.Account{Spec: usherv1.AccountSpec{DisplayName: "Acme"}}}}
	v.Member.Spec.Email = "ada@acme.example"
	untouched, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/me", nil)
	p.renderProfile(untouched, r, http.StatusOK, v, profileForm{}, nil)
	p.renderSignIn(untouched, r, http.StatusOK, signInForm{})
	harmless := untouched.Body.String() // what the pages say by themselves, whatever was typed
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/me", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if web.ReadForm(httptest.NewRecorder(), r) != nil {
			return
		}
		answer := httptest.NewRecorder()
		for _, action := range []string{actionDetails, actionPassword, actionCompany} {
			form := profileAnswersOf(r.PostForm, v, action)
			p.renderProfile(answer, r, http.StatusOK, v, form, append(page.MistakesInPersonal(form.personal), form.mistakesOfCompany(nil)...))
		}
		p.renderSignIn(answer, r, http.StatusOK, signInForm{email: r.PostForm.Get(fieldEmail), company: r.PostForm.Get(fieldCompany)})
		pagetest.ExpectEscaped(t, answer.Body.String(), harmless, r.PostForm)
	})
}
