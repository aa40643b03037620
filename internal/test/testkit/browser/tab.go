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

// Options are how a visitor looks at pages. The zero value is a wide window, light, with English as the browser's language.
type Options struct {
	// Width and Height of the window in CSS pixels; default 1280 by 800.
	Width, Height int64
	// Zoom is how many times larger than usual all is drawn, as Ctrl and plus do it: a window of Width 1280 has room for 640
	// pixels at Zoom 2. Default 1.
	Zoom float64
	// Dark asks for dark colours.
	Dark bool
	// Language is what the browser sends as Accept-Language; default "en-GB".
	Language string
	// NoScript turns the page's JavaScript off. The test's own still runs.
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

// Request is what a page asked a server for, by itself or because the visitor followed a link.
type Request struct {
	Method, URL, Referer string
	// Document is set for a page, and not for what it is made of.
	Document bool
}

// Tab opens a window, which closes with the test.
func (b *Browser) Tab(t testing.TB, o Options) *Tab {
	t.Helper()
	tab := &Tab{t: t, noScript: o.NoScript}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(tab.listen))
	t.Cleanup(cancel)
	tab.ctx = ctx
	tab.must("open a tab", chromedp.Do(ctx)) // with the tab's own context: it lives as long as this one
	tab.Look(o)
	tab.setLanguage(o.Language)
	tab.setScripts(!o.NoScript)
	return tab
}

// Look has the page looked at in another way: the size of the window, the zoom and the colours of o count. The page stays as
// it is, and is laid out anew.
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
	tab.do("look in another way", chromedp.Func(o.apply))
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
	// A window that is not in front would hold back the focus, and with it the outline around what has it.
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

// setScripts turns the page's JavaScript on or off. Where it is off, the test's own runs, but nothing that it waits for.
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
		// A page may well have the status 410; that is for Open and Follow to say.
		if e.Entry.Source != log.EntrySourceNetwork {
			tab.complaints = append(tab.complaints, string(e.Entry.Level)+": "+e.Entry.Text)
		}
	}
}

// Requests are all that the tab has asked servers for, oldest first.
func (tab *Tab) Requests() []Request {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return slices.Clone(tab.requests)
}

// Complaints are what the browser has written to its console, such as violations of a content security policy.
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

// load takes steps that lead to another page, waits for it and returns its status.
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
