// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"os"
	"path/filepath"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
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

// Follow clicks the first element of a CSS selector and returns the status of the page that it leads to.
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

// Reload reloads the page and returns its status.
func (tab *Tab) Reload() int {
	tab.t.Helper()
	return tab.load("reload", chromedp.Reload())
}

// Click clicks the first element of a CSS selector, and stays on the page.
func (tab *Tab) Click(selector string) {
	tab.t.Helper()
	tab.do("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// Type replaces the content of an input, in one step.
func (tab *Tab) Type(selector, text string) {
	tab.t.Helper()
	tab.do("type into "+selector, chromedp.Focus(chromedp.CSS(selector)),
		chromedp.Evaluate[chromedp.Void]("document.activeElement.select()"), chromedp.KeyEvent(kb.Delete),
		chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, input.InsertText, input.InsertTextParams{Text: text})
			return err
		}))
}

// Press sends keys to the focused element.
func (tab *Tab) Press(keys string) {
	tab.t.Helper()
	tab.do("press keys", chromedp.KeyEvent(keys))
}

// Paste replaces the content of an input with that of another, through the clipboard and without a mouse.
func (tab *Tab) Paste(from, to string) {
	tab.t.Helper()
	edit := func(key, command string) chromedp.Action[chromedp.Void] {
		return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			params := input.DispatchKeyEventParams{
				Type: input.DispatchKeyEventTypeRawKeyDown, Key: key, Modifiers: int64(kb.ModifierCtrl), Commands: []string{command},
			}
			_, err := cdp.Call(ctx, target, input.DispatchKeyEvent, params)
			return err
		})
	}
	tab.do("paste from "+from+" to "+to,
		chromedp.Focus(chromedp.CSS(from)), edit("a", "selectAll"), edit("c", "copy"),
		chromedp.Focus(chromedp.CSS(to)), edit("a", "selectAll"), edit("v", "paste"))
}

// Await waits until a CSS selector finds a visible element.
func (tab *Tab) Await(selector string) {
	tab.t.Helper()
	tab.do("wait for "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
}

// Text returns the visible text of the first element of a CSS selector.
func (tab *Tab) Text(selector string) string {
	tab.t.Helper()
	return run(tab, "read "+selector, chromedp.Text(chromedp.CSS(selector)))
}

// URL returns the page's URL.
func (tab *Tab) URL() string {
	tab.t.Helper()
	return run(tab, "read the address", chromedp.Location())
}

// Evaluate returns the value of a JavaScript expression on the page, and waits for promises. The value must not be null or undefined.
func Evaluate[T any](tab *Tab, expression string) T {
	tab.t.Helper()
	return run(tab, "evaluate", chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Screenshot keeps a picture of the whole page for people: name.png in dist/screens of the module, or in $USHER_SCREENS. The name may
// have folders.
func (tab *Tab) Screenshot(name string) {
	tab.t.Helper()
	picture := run(tab, "take a picture", chromedp.FullScreenshot(100))
	file, err := screen(name)
	tab.must("keep a picture", err)
	tab.must("keep a picture", os.WriteFile(file, picture, 0o644))
}

// screen returns the path of a picture, and creates its folder.
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
