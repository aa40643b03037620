// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package journey goes the whole way that people go, with their eyes and hands: a manager as it ships, a real API server and a
// mail server, and between the mail's link and the last page a real browser, mostly with JavaScript turned off.
//
// There is nothing here but tests. The roads are in road_test.go; gallery_test.go looks at every page that there is, in light and
// dark, on a narrow window and enlarged, has axe-core look too, and keeps pictures in dist/screens.
package journey
