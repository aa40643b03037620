// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package browser tries pages in a headless Chromium, as people see them.
//
// A test asks for a browser with [New], or shares one of a whole package that TestMain got with [Start], and opens tabs in it:
//
//	tab := browser.New(t).Tab(t, browser.Options{Width: 320, Dark: true})
//	tab.Open(url)
//	tab.Type("#password", "correct horse battery")
//	if status := tab.Follow("button"); status != 200 { … }
//	tab.Screenshot("welcome-320-dark")
//
// Where there is no Chromium, Debian's is installed if this process may do that; else the test is skipped and says why.
// The browser makes no requests of its own: [Tab.Requests] lists what the page asked for.
package browser
