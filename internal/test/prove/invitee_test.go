// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// What an invitee does with the link in the latest mail.

// link returns the link in the latest mail to a member.
func (w *world) link(name string) string { return w.linkOf(name, "/i/") }

// linkOf returns the link in the latest mail to an address, which leads to a page of that kind.
func (w *world) linkOf(name, page string) string {
	mails := w.mailsTo(name)
	if len(mails) == 0 {
		w.fail("%s has no mail", name)
	}
	link := mails[len(mails)-1].Link()
	if !strings.HasPrefix(link, portalURL+page+w.namespace+"/") {
		w.fail("the mail to %s has an unexpected link: %s", name, link)
	}
	return link
}

// post answers a link and returns the status of the page; 303 redirects to the thank-you page.
func (w *world) post(link, action string) int {
	form := url.Values{"action": {action}}
	if action == "accept" {
		for _, field := range []string{"password", "password_confirm"} {
			form.Set(field, "correct horse battery")
		}
		form.Set("given_name", "Guest")
		form.Set("terms", "on")
	}
	if action == "reset" {
		form.Set("password", newPassword)
		form.Set("password_confirm", newPassword)
	}
	return w.submit(link, form).Code
}

// submit posts a form with cookies, and returns the response.
func (w *world) submit(page string, form url.Values, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	request := httptest.NewRequestWithContext(w.ctx, http.MethodPost, page, strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, cookie := range cookies {
		request.AddCookie(cookie)
	}
	w.visitors++
	request.RemoteAddr = fmt.Sprintf("10.0.%d.%d:1234", w.visitors/250, w.visitors%250) // each visitor has another address
	response := httptest.NewRecorder()
	w.portal.ServeHTTP(response, request)
	return response
}

// signedIn signs a member in on the profile page and returns the cookies; nil if that fails.
func (w *world) signedIn(page, name string) []*http.Cookie {
	answer := w.submit(page, url.Values{
		"action": {"sign-in"}, "email": {string(w.member(name).EmailInUse())}, "password": {"correct horse battery"},
	})
	switch {
	case answer.Code == http.StatusSeeOther:
		return answer.Result().Cookies()
	case answer.Code < 500:
		w.fail("%s signs in and gets a page with status %d", name, answer.Code)
	}
	return nil
}

// changeProfile posts forms on a member's profile page, each until the page says that it was saved. After an error page, the member
// signs in again and posts the form once more.
func (w *world) changeProfile(name string, forms ...url.Values) {
	page := portalURL + "/me/" + w.namespace + "/" + testkit.DefaultAccount
	deadline := time.Now().Add(w.timeout)
	for len(forms) > 0 {
		code := http.StatusServiceUnavailable
		if cookies := w.signedIn(page, name); cookies != nil {
			code = w.submit(page, forms[0], cookies...).Code
		}
		switch {
		case code == http.StatusSeeOther:
			forms = forms[1:]
			continue
		case code < 500 || time.Now().After(deadline):
			w.fail("%s changes their profile and gets a page with status %d", name, code)
		}
		w.keepRunning()
		w.await(w.history.Changed(), w.pollInterval)
	}
}

// answer posts until the portal confirms the answer, as people do who see an error page. If the portal was killed, another one is
// started.
func (w *world) answer(name, action string, arrived func() bool) {
	w.press(name, action, func() string { return w.link(name) }, arrived)
}

// press posts an answer to a link until the portal confirms it.
func (w *world) press(name, action string, link func() string, arrived func() bool) {
	deadline := time.Now().Add(w.timeout)
	for {
		code := w.post(link(), action)
		switch {
		case code == http.StatusSeeOther, code == http.StatusGone && arrived():
			return
		case code < 500 || time.Now().After(deadline):
			w.fail("%s answers %s and gets a page with status %d", name, action, code)
		}
		w.keepRunning()
		w.await(w.history.Changed(), w.pollInterval)
	}
}

func (w *world) accept(name string) {
	w.answer(name, "accept", func() bool {
		return read(w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "usher-member-" + name}}).UID != ""
	})
}

// readdress has a member want another address.
func (w *world) readdress(name, address string) {
	edit(w, testkit.Member(name).Build(), func(m *usherv1.Member) { m.Spec.Email = usherv1.EmailAddress(address + "@acme.example") })
}

// newPassword is what a member sets who has forgotten the password.
const newPassword = "another horse, another battery"

// forgets requests a link for the member with an address, until that is recorded: the page does not tell.
func (w *world) forgets(name, address string) {
	deadline := time.Now().Add(w.timeout)
	for {
		code := w.submit(portalURL+"/me/forgot", url.Values{"email": {address + "@acme.example"}}).Code
		secret := read(w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: credentials.Name(name)}})
		switch {
		case !credentials.PasswordMailAsked(secret, credentials.ResetLink).IsZero():
			return
		case code != http.StatusSeeOther && code < 500 || time.Now().After(deadline):
			w.fail("%s has forgotten the password and gets a page with status %d", name, code)
		}
		w.keepRunning()
		w.await(w.history.Changed(), w.pollInterval)
	}
}

// setPassword has a member set another password with the link in the latest mail.
func (w *world) setPassword(name, address string) {
	w.press(name, "reset", func() string { return w.linkOf(address, "/p/") }, func() bool {
		return read(w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: credentials.Name(name)}}).
			Annotations[usherv1.PasswordResetUsedAnnotation] != ""
	})
}

// confirm has the holder of a member's new address confirm it.
func (w *world) confirm(name, address string) {
	w.press(name, "confirm", func() string { return w.linkOf(address, "/e/") }, func() bool { return false })
}

func (w *world) decline(name string) {
	w.answer(name, "decline", func() bool { return w.invitation(name).Status.State == "Declined" })
}
