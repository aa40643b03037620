// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package browser tests pages in a headless Chromium, as people see them.
//
// A test gets a browser from [New], or shares one that the package's TestMain got from [Start], and opens tabs in it:
//
//	tab := browser.New(t).Tab(t, browser.Options{Width: 320, Dark: true})
//	tab.Open(url)
//	tab.Type("#password", "correct horse battery")
//	if status := tab.Follow("button"); status != 200 { … }
//	tab.Screenshot("welcome-320-dark")
//
// If there is no Chromium, this package installs Debian's if the process may do that; else the test is skipped and says why.
// The browser makes no requests of its own: [Tab.Requests] lists those of the page.
package browser
