// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package products_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	. "github.com/onsi/gomega"
)

const password = "correct horse battery"

// page is what a browser shows.
type page struct {
	Status int
	URL    string
	Body   string
}

var visitors atomic.Int64

// visit opens a link of the portal, with a form to post or nil, from a computer that nobody else uses, and follows where it leads.
func (w *world) visit(link string, form url.Values) page {
	w.t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(w.ctx, method, link, strings.NewReader(form.Encode()))
	w.Expect(err).NotTo(HaveOccurred())
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	n := visitors.Add(1)
	request.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.1", n/250, n%250))
	response, err := http.DefaultClient.Do(request)
	w.Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	w.Expect(err).NotTo(HaveOccurred())
	return page{Status: response.StatusCode, URL: response.Request.URL.String(), Body: string(body)}
}

// acceptance is the form as an invitee fills it in, with some fields in other words.
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

// link is that of the latest mail to somebody.
func (w *world) link(name string) string {
	w.t.Helper()
	mails := w.mails(name, 1)
	return mails[len(mails)-1].Link()
}

// accept has an invitee follow the link of the latest mail, fill in the form, and end on the page that welcomes.
func (w *world) accept(name string, changes ...url.Values) {
	w.t.Helper()
	w.are(beInvited, name)
	shown := w.visit(w.link(name), acceptance(changes...))
	w.Expect(shown.Status).To(Equal(http.StatusOK), shown.Body)
	w.Expect(shown.URL).To(HaveSuffix("/welcome"))
}
