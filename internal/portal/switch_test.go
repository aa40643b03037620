// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/internal/portal/web"
)

func TestTheLanguageCanBeSwitched(t *testing.T) {
	w := newWorld(t, func(w *world) { w.member.Spec.Language = "fr" })
	w.Expect(w.get(w.link()).Header().Get("Content-Language")).To(Equal("fr"))
	for _, c := range web.Spoken.Sorted {
		answer := w.get(w.link() + "?lang=" + string(c.Tag))
		w.Expect(answer.Header().Get("Content-Language")).To(Equal(string(c.Tag)))
		body := answer.Body.String()
		w.Expect(body).To(ContainSubstring(`<html lang="` + string(c.Tag) + `"`))
		w.Expect(strings.Count(body, `aria-current="true"`)).To(Equal(1))
		w.Expect(body).To(ContainSubstring(`hreflang="` + string(c.Tag) + `" rel="nofollow" aria-current="true">` + c.Name + "</a>"))
		for _, other := range web.Spoken.Sorted {
			w.Expect(body).To(ContainSubstring(`<a href="?lang=` + string(other.Tag) + `" lang="` + string(other.Tag) + `"`))
		}
		w.Expect(answer.Header().Get("Content-Security-Policy")).To(Equal(web.ContentPolicy))
		w.Expect(answer.Header().Get("Referrer-Policy")).To(Equal("no-referrer"))
	}
	for _, nonsense := range []string{"?lang=", "?lang=xx", "?lang=FR", "?lang=../de", "?lang=de;x", "?lang=%00", "?lang=xx&lang=de"} {
		w.Expect(w.get(w.link()+nonsense).Header().Get("Content-Language")).To(Equal("fr"), nonsense)
	}
	// A page about no one can be switched too, and says nothing about the link.
	unknown := w.get(w.link() + "x?lang=nl")
	w.Expect(unknown.Header().Get("Content-Language")).To(Equal("nl"))
	w.Expect(unknown.Body.String()).To(Equal(w.get("/no/such/page?lang=nl").Body.String()))
}

func TestTheLanguageIsKeptOnTheNextPage(t *testing.T) {
	w := newWorld(t, func(w *world) { w.member.Spec.Language = "fr" })
	w.Expect(w.get(w.link() + "?lang=de").Body.String()).To(ContainSubstring(`href="` + w.link() + `/decline?lang=de"`))
	for _, ending := range []string{"/welcome", "/declined"} {
		w.Expect(w.get(w.link() + ending + "?lang=de").Header().Get("Location")).To(Equal(w.link() + "?lang=de"))
		w.Expect(w.get(w.link() + ending + "?lang=xx").Header().Get("Location")).To(Equal(w.link()))
	}
	answer := w.post(w.link()+"?lang=de", acceptance())
	w.Expect(answer.Code).To(Equal(http.StatusSeeOther))
	w.Expect(answer.Header().Get("Location")).To(Equal(w.link() + "/welcome?lang=de"))
	w.Expect(w.get(answer.Header().Get("Location")).Header().Get("Content-Language")).To(Equal("de"))
}

// A link would lose what was typed. The switch posts it instead, except for the password.
func TestSwitchingKeepsWhatWasTyped(t *testing.T) {
	w := newWorld(t)
	answer := w.post(w.link(), acceptance(url.Values{"password_confirm": {"another"}, "family_name": {"O\"Neil"}}))
	body := answer.Body.String()
	w.expectPage(answer, http.StatusUnprocessableEntity, titleForm)
	form := url.Values{}
	nav := body[strings.Index(body, "<nav"):strings.Index(body, "</nav>")]
	for _, field := range []string{"action", "salutation", "given_name", "family_name", "phone", "terms"} {
		value := acceptance(url.Values{"family_name": {"O\"Neil"}}).Get(field)
		w.Expect(nav).To(MatchRegexp(`<input type="hidden" name="%s" value="[^"]+">`, field))
		form.Set(field, value)
	}
	w.Expect(nav).To(ContainSubstring(`name="family_name" value="O&#34;Neil"`))
	w.Expect(nav).To(ContainSubstring(`<button formaction="?lang=de" lang="de">Deutsch</button>`))
	w.Expect(nav).NotTo(ContainSubstring("password"))

	answer = w.post(w.link()+"?lang=de", form)
	w.expectPage(answer, http.StatusUnprocessableEntity, "Acme SAS beitreten")
	w.Expect(answer.Body.String()).To(MatchRegexp(`id="family_name"[^>]*value="O&#34;Neil"`))
	w.Expect(answer.Body.String()).To(MatchRegexp(`id="terms"[^>]* checked`))
	w.Expect(w.credentials()).To(BeNil())
	w.Expect(w.wire.mutations.Load()).To(BeZero())
}
