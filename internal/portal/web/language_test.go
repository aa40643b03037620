// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"net/http/httptest"
	"testing"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

func TestTheLanguageThatTheBrowserAsksFor(t *testing.T) {
	g := NewWithT(t)
	for accept, want := range map[string]usherv1.Language{
		"de": "de", "de-AT": "de", "de-CH,de;q=0.9,en;q=0.8": "de",
		"en": "en-GB", "en-GB": "en-GB", "en-AU,en;q=0.9": "en-GB", "en-IE": "en-GB",
		"en-US": "en-US", "en-US,en;q=0.9": "en-US", "EN-us": "en-US", "en-GB;q=0.4, en-US;q=0.6": "en-US",
		"es": "es", "es-ES": "es", "es-419": "es", "es-MX,es;q=0.9,en-US;q=0.8": "es",
		"fr": "fr", "fr-CA": "fr", "fr-BE,nl;q=0.5": "fr",
		"it": "it", "it-CH": "it",
		"nl": "nl", "nl-BE": "nl", "nl-BE,fr;q=0.5": "nl",
		// Sumerian: no one will add it, and it is close to no other language, as Klingon (tlh) is to English.
		"sux": "en-GB", "sux-IQ,sux;q=0.9": "en-GB", "sux-IQ,es;q=0.5": "es", "*": "en-GB", "": "en-GB",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Accept-Language", accept)
		g.Expect(Spoken.Choose(r, "", "").Tag).To(Equal(want), "Accept-Language: %s", accept)
	}
}
