// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package products_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync/atomic"

	. "github.com/onsi/gomega"
)

const password = "correct horse battery"

// page is a response that a browser shows.
type page struct {
	Status int
	URL    string
	Body   string
}

var visitors atomic.Int64

// browser keeps cookies, and has an address of its own.
type browser struct {
	w       *world
	client  http.Client
	address string
}

func (w *world) browser() *browser {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	w.Expect(err).NotTo(HaveOccurred())
	n := visitors.Add(1)
	return &browser{w: w, client: http.Client{Jar: jar}, address: fmt.Sprintf("10.%d.%d.1", n/250, n%250)}
}

// open opens a page of the portal, posting a form if there is one, and follows redirects.
func (b *browser) open(link string, form url.Values) page {
	b.w.t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(b.w.ctx, method, link, strings.NewReader(form.Encode()))
	b.w.Expect(err).NotTo(HaveOccurred())
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("X-Forwarded-For", b.address)
	response, err := b.client.Do(request)
	b.w.Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	b.w.Expect(err).NotTo(HaveOccurred())
	return page{Status: response.StatusCode, URL: response.Request.URL.String(), Body: string(body)}
}

// visit opens a page in a new browser.
func (w *world) visit(link string, form url.Values) page {
	w.t.Helper()
	return w.browser().open(link, form)
}

// signIn signs a member in with the password that the invitee chose, and returns the resulting page.
func (b *browser) signIn(name string) page {
	b.w.t.Helper()
	return b.open(site.portal+"/me", url.Values{"action": {"sign-in"}, "email": {b.w.address(name)}, "password": {password}})
}

// acceptance returns the form as an invitee fills it in, with some fields replaced.
func acceptance(changes ...url.Values) url.Values {
	form := url.Values{
		"action": {"accept"}, "terms": {"on"}, "password": {password}, "password_confirm": {password},
	}
	for _, change := range changes {
		for field, values := range change {
			form[field] = values
		}
	}
	return form
}

// link returns the link of the latest mail to a member.
func (w *world) link(name string) string {
	w.t.Helper()
	mails := w.mails(name, 1)
	return mails[len(mails)-1].Link()
}

// accept follows the link of the latest mail, fills in the form, and expects the welcome page.
func (w *world) accept(name string, changes ...url.Values) {
	w.t.Helper()
	w.are(beInvited, name)
	shown := w.visit(w.link(name), acceptance(changes...))
	w.Expect(shown.Status).To(Equal(http.StatusOK), shown.Body)
	w.Expect(shown.URL).To(HaveSuffix("/welcome"))
}
