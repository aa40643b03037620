// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package testkit has what Usher's tests share: an API server for a suite, builders for Usher's kinds, matchers for conditions, a
// clock that tests step, and a Wire that counts and disturbs the calls between a client and the API server.
package testkit
