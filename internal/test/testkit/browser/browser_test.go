// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/internal/test/testkit/browser"
)

const formPage = `<!DOCTYPE html><html lang="en"><head><meta name="viewport" content="width=device-width">
<title>Form</title><style>@media (prefers-color-scheme: dark) { body { background: #000; color: #fff } }</style></head>
<body><main><h1>Form</h1><form method="post"><label for="name">Name</label> <input id="name" name="name">
<label for="again">Again</label> <input id="again"> <button>Send</button></form>
<script>document.title = "Scripted"</script></main></body></html>`

// site greets a visitor who posts a name, after a redirect.
func site(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		switch {
		case r.Method == http.MethodPost:
			http.Redirect(w, r, "/hello?name="+r.FormValue("name"), http.StatusSeeOther)
		case r.URL.Path == "/hello":
			w.WriteHeader(http.StatusAccepted)
			_, _ = fmt.Fprintf(w, `<!DOCTYPE html><html><title>x</title><h1>Hello %s</h1><img src="/picture"><p>%s</p></html>`,
				r.FormValue("name"), r.Header.Get("Accept-Language"))
		case r.URL.Path == "/":
			w.Header().Set("Content-Security-Policy", "style-src 'none'; script-src 'unsafe-inline'")
			_, _ = fmt.Fprint(w, formPage)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestBrowser(t *testing.T) {
	g := NewWithT(t)
	t.Setenv("USHER_SCREENS", t.TempDir())
	b := browser.New(t)
	base := site(t)
	tab := b.Tab(t, browser.Options{Width: 640, Zoom: 2, Dark: true, Language: "nl"})

	g.Expect(tab.Open(base)).To(Equal(http.StatusOK))
	g.Expect(browser.Evaluate[string](tab, "document.title")).To(Equal("Scripted"))
	g.Expect(browser.Evaluate[int](tab, "innerWidth")).To(Equal(320))
	g.Expect(browser.Evaluate[bool](tab, "matchMedia('(prefers-color-scheme: dark)').matches")).To(BeTrue())
	g.Expect(tab.Complaints()).To(ContainElement(ContainSubstring("Content Security Policy")), "the policy forbids the style")

	tab.Type("#name", "wrong")
	tab.Type("#name", "Ada")
	tab.Paste("#name", "#again")
	g.Expect(browser.Evaluate[string](tab, "document.querySelector('#again').value")).To(Equal("Ada"))
	g.Expect(tab.Follow("button")).To(Equal(http.StatusAccepted))
	g.Expect(tab.Text("h1")).To(Equal("Hello Ada"))
	g.Expect(tab.Text("p")).To(Equal("nl"))
	g.Expect(tab.URL()).To(Equal(base + "/hello?name=Ada"))
	g.Expect(tab.Requests()).To(ContainElements(
		HaveField("Method", "POST"), SatisfyAll(HaveField("URL", base+"/picture"), HaveField("Document", false)),
	))
	if browser.AxeMissing() == nil {
		g.Expect(strings.Join(tab.Axe(), "\n")).To(SatisfyAll(ContainSubstring("image-alt"), ContainSubstring("html-has-lang")))
	}

	tab.Back()
	tab.Click("#name")
	tab.Press("Bob" + browser.KeyTab + browser.KeyTab)
	g.Expect(tab.FollowKey(browser.KeyEnter)).To(Equal(http.StatusAccepted))
	g.Expect(tab.Text("h1")).To(ContainSubstring("Bob"))
	g.Expect(tab.Reload()).To(Equal(http.StatusAccepted))

	tab.Look(browser.Options{Width: 320})
	tab.Await("h1")
	g.Expect(browser.Evaluate[[]any](tab, "[innerWidth, matchMedia('(prefers-color-scheme: dark)').matches]")).To(HaveExactElements(320.0, false))
	tab.Screenshot("a/b")
	g.Expect(os.ReadFile(filepath.Join(os.Getenv("USHER_SCREENS"), "a", "b.png"))).To(HavePrefix("\x89PNG"))

	plain := b.Tab(t, browser.Options{NoScript: true})
	g.Expect(plain.Open(base)).To(Equal(http.StatusOK))
	g.Expect(browser.Evaluate[string](plain, "document.title")).To(Equal("Form"))
	if reason := browser.AxeMissing(); reason != nil {
		t.Skip("tried without axe-core:", reason)
	}
	g.Expect(plain.Axe()).To(BeEmpty())
}
