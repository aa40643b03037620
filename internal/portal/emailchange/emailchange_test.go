// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package emailchange

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/page/pagetest"
)

func TestPagesInAnotherDirection(t *testing.T) {
	pagetest.SpeakMirrored(t)
	v := &visit{Person: pagetest.Person()}
	v.change.Wanted = "ada@acme.example"
	v.Member.Status.EmailChange = &usherv1.EmailChange{
		ExpiresAt: &metav1.Time{Time: time.Date(2026, time.November, 27, 12, 0, 0, 0, time.UTC)},
	}
	p := New(pagetest.Site(), Options{ProfilePath: func(*page.Person) string { return "/me" }})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	pages := map[string]*httptest.ResponseRecorder{"form": httptest.NewRecorder(), "done": httptest.NewRecorder()}
	p.renderForm(pages["form"], r, v)
	p.renderDone(pages["done"], r, v)
	for _, n := range []page.Notice{noticeExpired, noticeTaken, noticeMemberDisabled, page.NoticeAccountDisabled} {
		pages[n.Name] = httptest.NewRecorder()
		p.RenderNotice(pages[n.Name], r, &v.Person, n, 0)
	}
	pagetest.ExpectMirrored(t, pages)
}
