// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// startTimeout is for a slow and busy machine; a second is usual.
const startTimeout = 60 * time.Second

// Browser is a running Chromium with an empty profile.
type Browser struct {
	ctx  context.Context
	stop context.CancelFunc
}

// Start starts a browser. It ends with Stop, or with this process, however that ends. The error says what is missing.
func Start() (*Browser, error) {
	program, err := chromium()
	if err != nil {
		return nil, err
	}
	fonts, err := fontConfig()
	if err != nil {
		return nil, err
	}
	// The library's default is a new, empty profile.
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.WSURLReadTimeout(startTimeout),
		chromedp.NoSandbox, // tests may run as root, where the sandbox does not work
		chromedp.DisableGPU,
		chromedp.IgnoreCertErrors, // of servers that a test has made
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true),
		chromedp.Flag("no-pings", true),
		// A page that is restored from memory is not loaded, so a test could not wait for it.
		chromedp.Flag("disable-features", "Translate,BackForwardCache"),
		// Make screenshots differ as little as possible between machines.
		chromedp.Flag("font-render-hinting", "none"),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Env("FONTCONFIG_FILE="+fonts),
	)
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	stop := func() {
		cancel()
		stopAllocator()
		_ = os.Remove(fonts)
	}
	if err := chromedp.Do(ctx); err != nil {
		stop()
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	return &Browser{ctx: ctx, stop: stop}, nil
}

// systemFont makes "the system's font" the same on every system where it is installed. It is as wide as Arial and Helvetica.
const systemFont = `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include ignore_missing="yes">/etc/fonts/fonts.conf</include>
%s</fontconfig>
`

// fontConfig writes a font configuration to a file.
func fontConfig() (string, error) {
	var rules strings.Builder
	for _, family := range []string{"system-ui", "sans", "sans-serif"} {
		fmt.Fprintf(&rules, "<match><test name=\"family\"><string>%s</string></test>"+
			"<edit name=\"family\" mode=\"prepend\" binding=\"strong\"><string>Liberation Sans</string></edit></match>\n", family)
	}
	file, err := os.CreateTemp("", "fonts-*.conf")
	if err != nil {
		return "", err
	}
	_, err = fmt.Fprintf(file, systemFont, rules.String())
	return file.Name(), errors.Join(err, file.Close())
}

// New starts a browser for one test. If there is none and it cannot be installed, New skips the test.
func New(t testing.TB) *Browser {
	t.Helper()
	if reason := Missing(); reason != nil {
		t.Skip(reason)
	}
	b, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	return b
}

// Stop ends the browser and all its tabs, and removes its profile.
func (b *Browser) Stop() { b.stop() }

// Missing returns why there is no browser; nil if there is one.
func Missing() error {
	if _, err := chromium(); err != nil {
		return fmt.Errorf("no browser to test pages with: %w", err)
	}
	return nil
}
