// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import "go.uber.org/zap/zapcore"

// mostVerbose is as much as is ever logged, as zap counts: from one level below on client-go writes down whole requests and
// answers, and with them addresses, password hashes and tokens.
const mostVerbose zapcore.Level = -7

// WithoutBodies lets no more through than can be shown to anybody, whatever level was asked for; nil stays the default.
func WithoutBodies(asked zapcore.LevelEnabler) zapcore.LevelEnabler {
	if asked == nil {
		return nil
	}
	return withoutBodies{asked}
}

type withoutBodies struct{ asked zapcore.LevelEnabler }

func (w withoutBodies) Enabled(level zapcore.Level) bool {
	return level >= mostVerbose && w.asked.Enabled(level)
}
