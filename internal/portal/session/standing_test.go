// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/portal/page"
	"github.com/usher-dev/usher/internal/portal/page/pagetest"
)

func TestNoticesInAnotherDirection(t *testing.T) {
	pagetest.SpeakMirrored(t)
	site, who, pages := pagetest.Site(), pagetest.Person(), map[string]*httptest.ResponseRecorder{}
	for _, n := range []page.Notice{noticeDisabled, noticeAccountDisabled, noticeWaiting} {
		pages[n.Name] = httptest.NewRecorder()
		site.RenderNotice(pages[n.Name], httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), &who, n, 0)
	}
	pagetest.ExpectMirrored(t, pages)
}

func TestStanding(t *testing.T) {
	now := time.Date(2026, time.March, 8, 9, 30, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		change func(*page.Person)
		want   *page.Notice
	}{
		"Active":            {func(*page.Person) {}, nil},
		"disabled":          {func(who *page.Person) { who.Member.Spec.State = usherv1.StateDisabled }, &noticeDisabled},
		"ended":             {func(who *page.Person) { who.Member.Spec.AccessUntil = &metav1.Time{Time: now} }, &noticeDisabled},
		"account disabled":  {func(who *page.Person) { who.Account.Spec.State = usherv1.StateDisabled }, &noticeAccountDisabled},
		"waits for a seat":  {func(who *page.Person) { who.Member.Status.State = usherv1.ObservedPending }, &noticeWaiting},
		"status is not yet": {func(who *page.Person) { who.Member.Status.State = "" }, &noticeWaiting},
	} {
		who := pagetest.Person()
		who.Member.Status.State = usherv1.ObservedActive
		tt.change(&who)
		g := NewWithT(t)
		g.Expect(Standing(&who, now)).To(Equal(tt.want), name)
		if tt.want == &noticeWaiting {
			g.Expect(Disabled(&who, now)).To(BeNil(), name)
		} else {
			g.Expect(Disabled(&who, now)).To(Equal(tt.want), name)
		}
	}
}
