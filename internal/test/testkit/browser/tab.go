// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// stepTimeout is how long one step may take on a slow and busy machine.
const stepTimeout = 60 * time.Second

// Options are a visitor's window and browser settings. The zero value is a wide window, light, with English as the language.
type Options struct {
	// Width and Height of the window in CSS pixels; default 1280 by 800.
	Width, Height int64
	// Zoom is the page zoom, as with Ctrl and plus: at Zoom 2, a window of Width 1280 has room for 640 pixels. Default 1.
	Zoom float64
	// Dark asks for dark colours.
	Dark bool
	// Language is what the browser sends as Accept-Language; default "en-GB".
	Language string
	// NoScript turns the page's JavaScript off, but not the test's.
	NoScript bool
}

// Tab is a window with cookies and a history of its own. A method that fails ends the test.
type Tab struct {
	t        testing.TB
	ctx      context.Context
	noScript bool

	mu         sync.Mutex
	requests   []Request
	complaints []string
}

// Request is a request of a page, by itself or because the visitor followed a link.
type Request struct {
	Method, URL, Referer string
	// Document is set for a page, and not for its resources.
	Document bool
}

// Tab opens a window, which closes with the test.
func (b *Browser) Tab(t testing.TB, o Options) *Tab {
	t.Helper()
	tab := &Tab{t: t, noScript: o.NoScript}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(tab.listen))
	t.Cleanup(cancel)
	tab.ctx = ctx
	tab.must("open a tab", chromedp.Do(ctx)) // with the tab's own context, which ends the tab
	tab.Look(o)
	tab.setLanguage(o.Language)
	tab.setScripts(!o.NoScript)
	return tab
}

// Look changes the size of the window, the zoom and the colours to those of o. The page is not reloaded, only laid out again.
func (tab *Tab) Look(o Options) {
	tab.t.Helper()
	if o.Width == 0 {
		o.Width = 1280
	}
	if o.Height == 0 {
		o.Height = 800
	}
	if o.Zoom == 0 {
		o.Zoom = 1
	}
	tab.do("change the look", chromedp.Func(o.apply))
}

func (o Options) apply(ctx context.Context, target *chromedp.Target) error {
	scheme := "light"
	if o.Dark {
		scheme = "dark"
	}
	if _, err := cdp.Call(ctx, target, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: int64(float64(o.Width) / o.Zoom), Height: int64(float64(o.Height) / o.Zoom), DeviceScaleFactor: o.Zoom,
	}); err != nil {
		return err
	}
	if _, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		},
	}); err != nil {
		return err
	}
	// A window in the background does not show the focus, or the outline of the focused element.
	_, err := cdp.Call(ctx, target, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	return err
}

func (tab *Tab) setLanguage(tag string) {
	tab.t.Helper()
	if tag == "" {
		tag = "en-GB"
	}
	tab.do("set the language", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.SetExtraHTTPHeaders,
			network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": tag}})
		return err
	}))
}

// setScripts turns the page's JavaScript on or off. If it is off, the test's scripts still run, except for what they wait for.
func (tab *Tab) setScripts(on bool) {
	tab.t.Helper()
	tab.do("turn JavaScript on or off", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
		return err
	}))
}

func (tab *Tab) listen(event any) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		referer, _ := e.Request.Headers["Referer"].(string)
		tab.requests = append(tab.requests, Request{
			Method: e.Request.Method, URL: e.Request.URL, Referer: referer, Document: e.Type == network.ResourceTypeDocument,
		})
	case *log.EventEntryAdded:
		// A page may have the status 410; Open and Follow return it.
		if e.Entry.Source != log.EntrySourceNetwork {
			tab.complaints = append(tab.complaints, string(e.Entry.Level)+": "+e.Entry.Text)
		}
	}
}

// Requests returns all requests of the tab, oldest first.
func (tab *Tab) Requests() []Request {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return slices.Clone(tab.requests)
}

// Complaints returns what the browser has written to its console, such as violations of a content security policy.
func (tab *Tab) Complaints() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return slices.Clone(tab.complaints)
}

func (tab *Tab) must(doing string, err error) {
	tab.t.Helper()
	if err != nil {
		tab.t.Fatalf("browser: %s: %v", doing, err)
	}
}

func (tab *Tab) do(doing string, steps ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, stepTimeout)
	defer cancel()
	tab.must(doing, chromedp.Do(ctx, steps...))
}

// load performs steps that lead to another page, waits for the page and returns its status.
func (tab *Tab) load(doing string, steps ...chromedp.Action[chromedp.Void]) int {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, stepTimeout)
	defer cancel()
	response, err := chromedp.RunResponse(ctx, steps...)
	tab.must(doing, err)
	if response == nil {
		return 0
	}
	return int(response.Status)
}

func run[T any](tab *Tab, doing string, action chromedp.Action[T]) T {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, stepTimeout)
	defer cancel()
	result, err := chromedp.Run(ctx, action)
	tab.must(doing, err)
	return result
}
