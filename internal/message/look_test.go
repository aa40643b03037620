// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/test/testkit/browser"
)

// widths of a mail: on a small telephone, and in the column of a mail program on a desktop.
var widths = []int64{320, 600}

// lookedAt are the golden mails that the test opens in a browser.
var lookedAt = []string{
	"de", "en-GB", "en-GB-bare", "en-GB-reminder", "en-GB-right-to-left", "fr", "fr-reminder", "mirrored",
	"change-newaddress-ar-XB", "change-newaddress-de", "change-newaddress-en-GB-bare",
	"change-formeraddress-fr", "change-formeraddress-en-GB-bare",
}

// faint returns the texts whose contrast with their background is less than WCAG 2.2 AA requires (4.5 to 1), with the contrast.
const faint = `(() => {
	const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
	const numbers = color => color.match(/[\d.]+/g).map(Number);
	const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
	const behind = e => {
		for (; e; e = e.parentElement) {
			const color = numbers(getComputedStyle(e).backgroundColor);
			if (color.length === 3 || color[3] > 0) return color;
		}
		return [255, 255, 255];
	};
	return [...document.body.querySelectorAll("*")]
		.filter(e => e.offsetHeight > 0 && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim() !== ""))
		.map(e => {
			const a = luminance(numbers(getComputedStyle(e).color)), b = luminance(behind(e));
			return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent.trim().slice(0, 30)];
		})
		.filter(([contrast, text]) => contrast < 4.5 && text !== "")
		.map(([contrast, text]) => contrast.toFixed(2) + ": " + text);
})()`

// The test shows the mail as mail programs do: narrow and wide, light and dark. The mail loads nothing, so there are no images to block.
func TestMailsInABrowser(t *testing.T) {
	message.SpeakMirrored(t)
	if reason := browser.Missing(); reason != nil {
		t.Skip(reason)
	}
	program := browser.New(t)
	pages := map[string]string{}
	inbox := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(pages[r.URL.Path]))
	}))
	defer inbox.Close()
	mails, changes := goldenMails(), emailChanges()
	for _, name := range lookedAt {
		var m message.Message = changes[name]
		if change := mails[name]; change != nil {
			i := invitation()
			change(&i)
			m = i
		}
		_, read := compose(t, m)
		pages["/"+name] = read.HTML
	}
	for _, name := range lookedAt {
		for _, width := range widths {
			for _, dark := range []bool{false, true} {
				look := fmt.Sprintf("%s-%d-%s", name, width, map[bool]string{false: "light", true: "dark"}[dark])
				t.Run(look, func(t *testing.T) {
					tab := program.Tab(t, browser.Options{Width: width, Dark: dark})
					if status := tab.Open(inbox.URL + "/" + name); status != http.StatusOK {
						t.Fatalf("the page has status %d", status)
					}
					tab.Screenshot("mail-" + look)
					if wide := browser.Evaluate[int64](tab, `document.documentElement.scrollWidth`); wide > width {
						t.Errorf("the mail is %d px wide, and has to be pushed to and fro", wide)
					}
					if bad := browser.Evaluate[[]string](tab, faint); len(bad) > 0 {
						t.Errorf("hard to read: %q", bad)
					}
					if changes[name].Link != "" || mails[name] != nil {
						expectButton(t, tab, width)
					}
					canvas := browser.Evaluate[string](tab, `getComputedStyle(document.querySelector("table.page")).backgroundColor`)
					if canvas == "rgb(243, 244, 246)" == dark {
						t.Errorf("dark %t: the background is %s", dark, canvas)
					}
					if asked := tab.Requests(); slices.ContainsFunc(asked, func(r browser.Request) bool { return r.URL != inbox.URL+"/"+name && r.URL != inbox.URL+"/favicon.ico" }) {
						t.Errorf("the mail loads something: %v", asked)
					}
				})
			}
		}
	}
}

func expectButton(t *testing.T, tab *browser.Tab, width int64) {
	t.Helper()
	button := browser.Evaluate[[]float64](tab, `(r => [r.left, r.top, r.right, r.height])(document.querySelector(".button a").getBoundingClientRect())`)
	if button[0] < 0 || button[2] > float64(width) || button[1] > 800 || button[3] < 44 {
		t.Errorf("the button is at %v, and has to be seen at once and hit with a thumb", button)
	}
}
