// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import "go.uber.org/zap/zapcore"

// mostVerbose is the highest verbosity that is ever logged, as a zap level. From one level below on, client-go logs
// whole requests and responses, and with them addresses, password hashes and tokens.
const mostVerbose zapcore.Level = -7

// WithoutBodies limits the requested log level so that no request bodies are logged; nil keeps the default.
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
