// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package ratelimit

// Sizes returns how many entries a Limiter has.
func Sizes(l *Limiter) (waiting, recipients, servers int) {
	return len(l.waiting), len(l.recipients.sent), len(l.servers)
}
