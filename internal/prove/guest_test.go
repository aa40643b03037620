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
)

// What an invitee does, with nothing but the link of the latest mail.

// link is that of the latest mail to a member.
func (w *world) link(name string) string {
	mails := w.mailsTo(name)
	if len(mails) == 0 {
		w.fail("%s has no mail", name)
	}
	link := mails[len(mails)-1].Link()
	if !strings.HasPrefix(link, portalURL+"/i/"+w.namespace+"/") {
		w.fail("the mail to %s has a strange link: %s", name, link)
	}
	return link
}

// post answers a link and returns the status of the page; 303 leads to the page that says thank you.
func (w *world) post(link, action string) int {
	form := url.Values{"action": {action}}
	if action == "accept" {
		for _, field := range []string{"password", "password_confirm"} {
			form.Set(field, "correct horse battery")
		}
		form.Set("given_name", "Guest")
		form.Set("terms", "on")
	}
	request := httptest.NewRequestWithContext(w.ctx, http.MethodPost, link, strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w.visitors++
	request.RemoteAddr = fmt.Sprintf("10.0.%d.%d:1234", w.visitors/250, w.visitors%250) // everybody has a computer of their own
	response := httptest.NewRecorder()
	w.portal.ServeHTTP(response, request)
	return response.Code
}

// answer posts until it is told that the answer arrived, as people do who see an error page. A portal that was killed is
// followed by another.
func (w *world) answer(name, action string, arrived func() bool) {
	deadline := time.Now().Add(w.patience)
	for {
		code := w.post(w.link(name), action)
		switch {
		case code == http.StatusSeeOther, code == http.StatusGone && arrived():
			return
		case code < 500 || time.Now().After(deadline):
			w.fail("%s answers %s and reads a page of status %d", name, action, code)
		}
		w.nurse()
		w.await(w.history.Changed(), glance)
	}
}

func (w *world) accept(name string) {
	w.answer(name, "accept", func() bool {
		return read(w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "usher-member-" + name}}).UID != ""
	})
}

func (w *world) decline(name string) {
	w.answer(name, "decline", func() bool { return w.invitation(name).Status.State == "Declined" })
}
