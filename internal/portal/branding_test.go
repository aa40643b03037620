// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/brand"
	"github.com/usher-dev/usher/internal/portal/web"
)

func TestAnAccountHasAColourAndALogo(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.account.Spec.Branding = &usherv1.AccountBranding{AccentColor: "#0A7D4F", LogoURL: "https://cdn.acme.example:8443/a/logo.svg?v=2"}
	})
	for name, body := range map[string]string{
		"form": w.get(w.link()).Body.String(), "decline": w.get(w.link() + "/decline").Body.String(),
		"mistakes": w.post(w.link(), url.Values{"action": {"accept"}}).Body.String(),
	} {
		w.Expect(body).To(ContainSubstring(`href="/assets/accent/0a7d4f.css"`), name)
		w.Expect(body).To(ContainSubstring(`src="https://cdn.acme.example:8443/a/logo.svg?v=2" alt=""`), name)
		w.Expect(body).NotTo(ContainSubstring("monogram"), name)
	}
	answer := w.get(w.link())
	w.Expect(answer.Header().Get("Content-Security-Policy")).To(Equal(web.ContentPolicy + "; img-src https://cdn.acme.example:8443"))

	// A page about no one has no account's colour and logo.
	unknown := w.get(w.link() + "x")
	w.Expect(unknown.Body.String()).To(ContainSubstring(`href="/assets/accent/2d4fc7.css"`))
	w.Expect(unknown.Body.String()).NotTo(ContainSubstring("<img"))
	w.Expect(unknown.Header().Get("Content-Security-Policy")).To(Equal(web.ContentPolicy))
}

func TestWithoutALogoNothingComesFromElsewhere(t *testing.T) {
	w := newWorld(t)
	answer := w.get(w.link())
	w.Expect(answer.Body.String()).To(ContainSubstring(`<span class="monogram" aria-hidden="true">A</span>`))
	w.Expect(answer.Body.String()).NotTo(MatchRegexp(`(?:src|srcset|data|poster)="`))
	w.Expect(answer.Header().Get("Content-Security-Policy")).To(Equal(web.ContentPolicy))
	for _, sheet := range regexp.MustCompile(`<link rel="stylesheet" href="([^"]*)"`).FindAllStringSubmatch(answer.Body.String(), -1) {
		got := w.get(sheet[1])
		w.Expect(got.Code).To(Equal(http.StatusOK), sheet[1])
		w.Expect(got.Header().Get("Content-Type")).To(HavePrefix("text/css"))
		w.Expect(got.Body.String()).NotTo(Or(ContainSubstring("url("), ContainSubstring("@import")), sheet[1])
	}
}

func TestTheStyleSheetOfAColour(t *testing.T) {
	w := newWorld(t)
	sheet := w.get("/assets/accent/ffee00.css").Body.String()
	light, dark, twoParts := strings.Cut(sheet, "@media (prefers-color-scheme: dark)")
	w.Expect(twoParts).To(BeTrue())
	for scheme, part := range map[string]string{"light": light, "dark": dark} {
		w.Expect(part).To(ContainSubstring("--fill: #ffee00;"), scheme)
		w.Expect(part).To(ContainSubstring("--on-fill: #000000;"), scheme)
	}
	w.Expect(light).NotTo(ContainSubstring("--accent: #ffee00;"), "yellow on white")
	w.Expect(dark).To(ContainSubstring("--accent: #ffee00;"), "yellow on black")
	for _, path := range []string{"ffee00", "ffee0.css", "ffee00.CSS", "%23ffee00.css", "ffee00;}body{.css", "ffee00.css.css", ".css", "red.css"} {
		w.Expect(w.get("/assets/accent/"+path).Code).To(Equal(http.StatusNotFound), path)
	}
}

// The shades are computed for the grounds that the style sheet has.
func TestTheStyleSheetHasTheGroundsOfTheAccents(t *testing.T) {
	w := newWorld(t)
	portalCSS := w.get("/assets/portal.css").Body.String()
	light, dark, twoParts := strings.Cut(portalCSS, "@media (prefers-color-scheme: dark)")
	w.Expect(twoParts).To(BeTrue())
	for part, scheme := range map[string]brand.Scheme{light: brand.Light, dark: brand.Dark} {
		for name, want := range map[string]brand.Color{"ground": scheme.Ground, "card": scheme.Card, "fixed": scheme.Fixed} {
			w.Expect(regexp.MustCompile(`--` + name + `: (#[0-9a-f]{6});`).FindStringSubmatch(part)[1]).To(Equal(want.String()), name)
		}
	}
	// And every colour that the style sheet uses is set in one of the two.
	all := portalCSS + w.get("/assets/accent/2d4fc7.css").Body.String()
	for _, used := range regexp.MustCompile(`var\((--[a-z-]+)\)`).FindAllStringSubmatch(all, -1) {
		w.Expect(all).To(ContainSubstring(used[1] + ": "))
	}
}
