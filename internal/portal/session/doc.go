// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package session keeps members signed in. A session is a signed cookie and is stored nowhere: each request reads the member live, and
// a change of the member's state, password, address or API token ends the session.
package session
