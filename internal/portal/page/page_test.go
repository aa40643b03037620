// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"testing"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/internal/portal/web"
)

func TestAMissingTextIsAnError(t *testing.T) {
	_, err := (&Page{catalogue: web.Spoken.Ordered[0]}).T("no.such.key")
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring("no.such.key")))
}

func TestABusySiteAsksTheVisitorToComeBack(t *testing.T) {
	g := NewWithT(t)
	answer := httptest.NewRecorder()
	NewSite(Site{Log: logr.Discard()}).Fail(answer, httptest.NewRequest(http.MethodPost, "/", nil), web.ErrBusy)
	g.Expect(answer.Code).To(Equal(http.StatusServiceUnavailable))
	g.Expect(answer.Body.String()).To(ContainSubstring("<h1>Please try again in a moment</h1>"))
	g.Expect(answer.Header().Get("Retry-After")).To(Equal("10"))
}

// The cause in the log contains no name that a client made up.
func TestACauseNamesNothingThatAClientSent(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Cause(PlainError("plain"))).To(Equal("plain"))
	g.Expect(Cause(web.ErrBusy)).To(Equal(web.ErrBusy.Error()))
	g.Expect(Cause(&url.Error{Op: "Get", URL: "https://api/secret", Err: http.ErrServerClosed})).To(Equal(http.ErrServerClosed.Error()))
}

// Left and right are the same in every language; start and end change sides with the direction of writing.
func TestTheLayoutNamesNoSide(t *testing.T) {
	side := regexp.MustCompile(`(?m)(?:(?:margin|padding|border|scroll-margin|scroll-padding)-(?:left|right)|^\s*(?:left|right)\s*:|(?:text-align|float|clear)\s*:\s*(?:left|right)).*`)
	g := NewWithT(t)
	g.Expect(side.FindAllString(string(stylesheetText), -1)).To(BeEmpty())
	// Except for phone numbers: a plus sign would stand behind its number.
	g.Expect(string(stylesheetText)).To(MatchRegexp(`\.contacts a \{[^}]*direction: ltr; unicode-bidi: isolate;`))
}
