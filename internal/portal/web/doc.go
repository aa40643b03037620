// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package web has what all pages of the portal need and what is about no page in particular: limits, headers, client addresses,
// connections, languages, branding, the reading of forms, slots for bcrypt, and answers that take the same time.
package web
