// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package ratelimit

// Sizes returns how many entries a Limiter has.
func Sizes(l *Limiter) (waiting, recipients, servers int) {
	recipients = len(l.recipients.shared)
	for _, of := range l.recipients.own {
		recipients += len(of)
	}
	return len(l.waiting), recipients, len(l.servers)
}
