// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package ratelimit

// Sizes tell how much is remembered.
func Sizes(p *Limiter) (waiting, recipients, servers int) {
	return len(p.waiting), len(p.recipients.sent), len(p.servers)
}
