// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package attacks tries what an attacker would try on a real API server with the rights and policies of config/: with the token of the
// manager or of the portal, as a tenant, and as an anonymous visitor of the portal. Each attack says what is expected and what was seen.
// All of them together are the table in docs/security.md; -update writes it.
package attacks
