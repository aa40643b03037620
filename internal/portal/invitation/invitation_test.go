// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invitation

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/page/pagetest"
	"github.com/usher-dev/usher/internal/portal/web"
)

var noon = time.Date(2026, time.November, 27, 12, 0, 0, 0, time.UTC)

func TestEveryRefusalHasItsNotice(t *testing.T) {
	g := NewWithT(t)
	for _, refusal := range []invite.Refusal{
		invite.RefusedUsed, invite.RefusedDeclined, invite.RefusedExpired, invite.RefusedRevoked,
		invite.RefusedMemberDisabled, invite.RefusedAccountDisabled,
	} {
		g.Expect(noticeOfRefusal).To(HaveKey(refusal))
	}
}

// The form is drawn with as many mistakes as it can have at once.
func TestPagesInAnotherDirection(t *testing.T) {
	pagetest.SpeakMirrored(t)
	v := &visit{
		Person:     pagetest.Person(),
		invitation: usherv1.Invitation{Status: usherv1.InvitationStatus{ExpiresAt: &metav1.Time{Time: noon}}},
	}
	p := New(pagetest.Site(), Options{})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	pages := map[string]*httptest.ResponseRecorder{"form": httptest.NewRecorder(), "decline": httptest.NewRecorder()}
	a := prefilled(&v.Member)
	a.personal[credentials.KeyFamilyName], a.personal[credentials.KeyPhone] = "Love\alace", strings.Repeat("1", 51)
	a.password.Typed = "short"
	p.renderForm(pages["form"], r, http.StatusUnprocessableEntity, v, a, a.mistakes(v))
	p.renderDecline(pages["decline"], r, v)
	for _, n := range []page.Notice{
		noticeWelcome, noticeWaiting, noticeFarewell,
		noticeUsed, noticeDeclined, noticeExpired, noticeRevoked, noticeMemberDisabled, page.NoticeAccountDisabled,
		page.NoticeUnknown, page.NoticeMalformed, page.NoticeForeign, page.NoticeTooLarge, page.NoticeTooMany, page.NoticeUnavailable,
	} {
		pages[n.Name] = httptest.NewRecorder()
		p.RenderNotice(pages[n.Name], r, &v.Person, n, 0)
	}
	pagetest.ExpectMirrored(t, pages)
}

func aSigner(t *testing.T) *credentials.Signer {
	keys, err := invite.NewKeyring(bytes.Repeat([]byte{7}, invite.KeyLength))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := credentials.SignerOf(keys)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// A row of the table of personal fields is on the form, and in the Secret.
func TestAPersonalFieldOfTheFormIsOneRowOfTheTable(t *testing.T) {
	spec := ""
	pagetest.AddField(t, &spec)
	g := NewWithT(t)
	v := &visit{}
	form := url.Values{"phone_desk": {" 12 "}}
	given := answersOf(form, &v.Member)
	g.Expect(given.personal).To(HaveKeyWithValue("desk", "12"))
	g.Expect(newCredentials(v, given, nil, noon, aSigner(t)).Data).To(HaveKeyWithValue("desk", []byte("12")))
	g.Expect(page.PersonalFields(given.personal, &v.Member.Spec)).To(ContainElement(And(HaveField("Name", "phone_desk"), HaveField("Fixed", false))))
	given.personal["desk"] = "1234"
	wrong := page.MistakesInPersonal(given.personal)
	g.Expect(wrong).To(HaveLen(1))
	g.Expect(wrong[0].Field).To(Equal("phone_desk"))
	spec = "99"
	g.Expect(answersOf(form, &v.Member).personal).To(HaveKeyWithValue("desk", "99"))
	g.Expect(page.PersonalFields(given.personal, &v.Member.Spec)).To(ContainElement(And(HaveField("Name", "phone_desk"), HaveField("Fixed", true))))
}

// Answers without a mistake are ones that the API and bcrypt accept, and a page never shows markup that a visitor typed.
func FuzzForm(f *testing.F) {
	for _, body := range []string{
		"action=accept&salutation=Mx&given_name=Ada&family_name=Lovelace&phone=%2B33+6&password=correct+horse+battery&password_confirm=correct+horse+battery&terms=on",
		"action=decline", "", "&&&", "password=%00&password_confirm=%00", "given_name=%3Cscript%3E", "phone=%E2%80%A8",
		"password=" + strings.Repeat("%C3%A9", 36), "a;b=c", "%zz",
	} {
		f.Add(body)
	}
	p := New(pagetest.Site(), Options{})
	v := &visit{Person: page.Person{Account: usherv1.Account{Spec: usherv1.AccountSpec{DisplayName: "Acme"}}}}
	v.Member.Spec.Email = "ada@acme.example"
	untouched := httptest.NewRecorder()
	p.renderForm(untouched, httptest.NewRequest(http.MethodPost, "/", nil), http.StatusOK, v, answers{}, answers{}.mistakes(v))
	harmless := untouched.Body.String() // what the page says by itself, whatever was typed
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if web.ReadForm(httptest.NewRecorder(), r) != nil {
			return
		}
		a := answersOf(r.PostForm, &v.Member)
		mistakes := a.mistakes(v)
		if len(mistakes) == 0 {
			expectAcceptable(t, a)
		}
		answer := httptest.NewRecorder()
		p.renderForm(answer, r, http.StatusOK, v, a, mistakes)
		pagetest.ExpectEscaped(t, answer.Body.String(), harmless, r.PostForm)
	})
}

func expectAcceptable(t *testing.T, a answers) {
	for _, line := range append(slices.Collect(maps.Values(a.personal)), a.password.Typed) {
		if !utf8.ValidString(line) || strings.ContainsAny(line, "\x00\n\r\u2028\u2029") || utf8.RuneCountInString(line) > 100 {
			t.Errorf("%q is accepted", line)
		}
	}
	letters := utf8.RuneCountInString(a.password.Typed)
	if len(a.password.Typed) > web.MaxPasswordBytes || letters < page.MinPasswordLetters || a.password.Typed != a.password.Confirm {
		t.Errorf("the password %q is accepted", a.password.Typed)
	}
}
