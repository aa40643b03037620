// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

// scanners open every link of a mail before the reader does. They name themselves a browser, a bot or both.
var scanners = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0 OfficeSafeLinks",
	"Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0) BingPreview/1.0b",
	"Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.5134; Pro)",
	"Mozilla/5.0 (compatible; Proofpoint URL Defense)",
	"Mimecast-URL-Protect/1.0",
	"BarracudaCentral/1.0 (Barracuda Sentinel)",
	"Mozilla/5.0 (compatible; Google-Safety)",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
	"Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
	"Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com",
	"WhatsApp/2.23.20.0",
	"LinkedInBot/1.0 (compatible; Mozilla/5.0; Jakarta Commons-HttpClient/4.3 +http://www.linkedin.com)",
	"Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
	"TelegramBot (like TwitterBot)",
	"Mozilla/5.0 (compatible; Trend Micro WTP)",
	"Cisco-ESA-URL-Scanner/2.0",
	"Symantec Email Security.cloud Link Following",
	"FireEye-ETP/1.0",
	"Sophos-Email-TimeOfClick/1.0",
	"curl/8.5.0",
}

// scan has all scanners open the endings of a link. It expects each to lead to a page, and no write by any client, accepted or refused, in
// the API server's audit log, from which it returns the mark of the beginning.
func (w *world) scan(link string, endings ...string) apiserver.Mark {
	w.t.Helper()
	w.Expect(scanners).To(HaveLen(20))
	site := httptest.NewServer(w.portal)
	defer site.Close()
	mark, err := server.Audit().Mark()
	w.Expect(err).NotTo(HaveOccurred())

	var opening sync.WaitGroup
	problems := make(chan string, 1000)
	for _, scanner := range scanners {
		opening.Go(func() {
			for range 3 {
				for _, method := range []string{http.MethodGet, http.MethodHead} {
					for _, ending := range endings {
						request, err := http.NewRequestWithContext(w.ctx, method, site.URL+link+ending, nil)
						if err != nil {
							problems <- err.Error()
							return
						}
						request.Header.Set("User-Agent", scanner)
						request.Header.Set("Purpose", "prefetch")
						answer, err := http.DefaultClient.Do(request)
						if err != nil {
							problems <- err.Error()
							return
						}
						answer.Body.Close()
						if answer.StatusCode != http.StatusOK { // the form, wherever it was asked for
							problems <- method + " " + ending + ": " + answer.Status
						}
					}
				}
			}
		})
	}
	opening.Wait()
	w.Expect(problems).To(BeEmpty())
	w.Expect(server.Audit().Writes(mark, apiserver.ByUser("admin"))).To(BeEmpty())
	return mark
}

// Afterwards the log does show a write: the invitation can still be accepted.
func TestScannersChangeNothing(t *testing.T) {
	w := newWorld(t)
	mark := w.scan(w.link(), "", "?action=accept&terms=on", "?action=decline", "/welcome", "/declined")
	w.expectDone(w.post(w.link(), acceptance()), titleWaiting)
	w.Expect(server.Audit().Writes(mark, apiserver.ByUser("admin"))).To(ConsistOf(And(
		HaveField("Verb", "create"), HaveField("Resource", "secrets"), HaveField("Name", "usher-member-ada"),
	)))
}

func TestScannersConfirmNothing(t *testing.T) {
	w := newChange(t)
	mark := w.scan(w.changeLink(), "", "?action=confirm", "/done")
	w.expectDone(w.post(w.changeLink(), confirmation), titleChangeDone)
	w.Expect(server.Audit().Writes(mark, apiserver.ByUser("admin"))).To(ConsistOf(And(
		HaveField("Verb", "update"), HaveField("Resource", "secrets"), HaveField("Name", "usher-member-ada"),
	)))
}
