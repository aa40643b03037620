// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package breaker

// Streaks returns how many different refusals are counted.
func (b *Breaker) Streaks() int { return len(b.streaks) }
