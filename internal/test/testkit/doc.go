// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package testkit is what Usher's tests share: an API server for a suite, builders for the four kinds, matchers for
// conditions, a stepped clock, and a Wire that counts and disturbs what goes between a client and the API server.
package testkit
