// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import "context"

// backgroundWork is how much work there is in the background at once.
const backgroundWork = 64

// Background runs work that no answer waits for, so that the time of an answer does not depend on it. It reports false if there is too much
// of it already.
type Background func(work func(context.Context)) (begun bool)

// NewBackground returns a Background that gives each piece of work SettleTimeout.
func NewBackground() Background {
	slots := make(chan struct{}, backgroundWork)
	return func(work func(context.Context)) bool {
		select {
		case slots <- struct{}{}:
		default:
			return false
		}
		go func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(context.Background(), SettleTimeout)
			defer cancel()
			work(ctx)
		}()
		return true
	}
}
