// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// What an invitee does with the link in the mail.

// link waits for the nth mail to a member, from 1, and returns its link.
func (w *world) link(name string, nth int) string {
	GinkgoHelper()
	Eventually(func() int { return len(w.mails(name)) }).Should(BeNumerically(">=", nth), "mails to "+name)
	link := w.mails(name)[nth-1].Link()
	Expect(link).To(HavePrefix(portalURL + "/i/" + w.namespace + "/"))
	return link
}

// visit opens a link and returns the status of the page: 200 shows the form.
func (w *world) visit(link string) int {
	return w.ask(http.MethodGet, link, nil)
}

// answer posts the form of a link and returns the status: 303 redirects to the thank-you page.
func (w *world) answer(link, action string) int {
	form := url.Values{"action": {action}}
	if action == "accept" {
		form.Set("given_name", "Guest")
		form.Set("password", password)
		form.Set("password_confirm", password)
		form.Set("terms", "on")
	}
	return w.ask(http.MethodPost, link, form)
}

// ask sends a request and returns the status of the response.
func (w *world) ask(method, link string, form url.Values) int {
	return w.request(method, link, form).Code
}

func (w *world) request(method, link string, form url.Values, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	request := httptest.NewRequestWithContext(context.Background(), method, link, strings.NewReader(form.Encode()))
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

func signInForm(name string) url.Values {
	return url.Values{"action": {"sign-in"}, "email": {name + "@acme.example"}, "password": {password}}
}

// signIn signs a member in and returns the cookies.
func (w *world) signIn(name string) []*http.Cookie {
	GinkgoHelper()
	response := w.request(http.MethodPost, "/me", signInForm(name))
	Expect(response.Code).To(Equal(http.StatusSeeOther))
	return response.Result().Cookies()
}

// accept accepts the latest mail to each member.
func (w *world) accept(names ...string) {
	GinkgoHelper()
	for _, name := range names {
		link := w.link(name, max(1, len(w.mails(name))))
		Expect(w.answer(link, "accept")).To(Equal(http.StatusSeeOther), "accepting as "+name)
	}
}

// decline declines the latest mail to a member.
func (w *world) decline(name string) {
	GinkgoHelper()
	Expect(w.answer(w.link(name, max(1, len(w.mails(name)))), "decline")).To(Equal(http.StatusSeeOther), "declining as "+name)
}

// activate accepts for each member and waits until they are Active.
func (w *world) activate(names ...string) {
	GinkgoHelper()
	for _, name := range names {
		Eventually(w.member(name)).Should(beInvited)
	}
	w.accept(names...)
	for _, name := range names {
		Eventually(w.member(name)).Should(beActive)
	}
}
