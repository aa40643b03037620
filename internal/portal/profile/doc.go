// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package profile is the page where members sign in, see and change what they said of themselves, change their password and, as an
// admin, say how the company is reached.
package profile
