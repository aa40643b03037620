// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"os"
	"path/filepath"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/usher-dev/usher/internal/testkit/apiserver"
)

// Keys for [Tab.Press] and [Tab.FollowKey], beside letters.
const (
	KeyTab   = kb.Tab
	KeyEnter = kb.Enter
	KeySpace = " "
)

// Open goes to a page and returns its HTTP status.
func (tab *Tab) Open(url string) int {
	tab.t.Helper()
	return tab.load("open "+url, chromedp.Navigate(url))
}

// Follow clicks on what a CSS selector finds first and returns the status of the page that it leads to.
func (tab *Tab) Follow(selector string) int {
	tab.t.Helper()
	return tab.load("follow "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// FollowKey presses a key and returns the status of the page that it leads to.
func (tab *Tab) FollowKey(key string) int {
	tab.t.Helper()
	return tab.load("follow a key", chromedp.KeyEvent(key))
}

// Back goes back in the history.
func (tab *Tab) Back() {
	tab.t.Helper()
	tab.do("go back", chromedp.NavigateBack())
}

// Reload loads the page anew, as it was asked for, and returns its status.
func (tab *Tab) Reload() int {
	tab.t.Helper()
	return tab.load("reload", chromedp.Reload())
}

// Click clicks on what a CSS selector finds first, and stays on the page.
func (tab *Tab) Click(selector string) {
	tab.t.Helper()
	tab.do("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// Type replaces what is in an input, key by key.
func (tab *Tab) Type(selector, text string) {
	tab.t.Helper()
	if text == "" {
		text = kb.Delete
	}
	tab.do("type into "+selector, chromedp.Focus(chromedp.CSS(selector)),
		chromedp.Evaluate[chromedp.Void]("document.activeElement.select()"), chromedp.KeyEvent(text))
}

// Press sends keys to whatever has the focus.
func (tab *Tab) Press(keys string) {
	tab.t.Helper()
	tab.do("press keys", chromedp.KeyEvent(keys))
}

// Text is what people see of what a CSS selector finds first.
func (tab *Tab) Text(selector string) string {
	tab.t.Helper()
	return run(tab, "read "+selector, chromedp.Text(chromedp.CSS(selector)))
}

// URL of the page.
func (tab *Tab) URL() string {
	tab.t.Helper()
	return run(tab, "read the address", chromedp.Location())
}

// Evaluate is the value of a JavaScript expression on the page; a promise is waited for. It must not be null or undefined.
func Evaluate[T any](tab *Tab, expression string) T {
	tab.t.Helper()
	return run(tab, "evaluate", chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Screenshot keeps a picture of the whole page, for people to look at: name.png in dist/screens of the module, or in
// $USHER_SCREENS. The name may have folders.
func (tab *Tab) Screenshot(name string) {
	tab.t.Helper()
	picture := run(tab, "take a picture", chromedp.FullScreenshot(100))
	file, err := screen(name)
	tab.must("keep a picture", err)
	tab.must("keep a picture", os.WriteFile(file, picture, 0o644))
}

// screen is the file of a picture, in a folder that is there.
func screen(name string) (string, error) {
	dir := os.Getenv("USHER_SCREENS")
	if dir == "" {
		root, err := apiserver.ModuleRoot()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(root, "dist", "screens")
	}
	file := filepath.Join(dir, name+".png")
	return file, os.MkdirAll(filepath.Dir(file), 0o755)
}
