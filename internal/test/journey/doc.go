// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package journey tests what an invitee and a member do from the mail to the last page, in a real browser, mostly with JavaScript
// turned off. It runs the manager as it ships, with a real API server and a mail server.
//
// The package has only tests. journey_test.go has the journeys. gallery_test.go checks every page, in light and dark, in a narrow window
// and zoomed in, also with axe-core, and keeps screenshots in dist/screens.
package journey
