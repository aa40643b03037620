// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/usher-dev/usher/internal/channel/smtp"
)

// Every conversation must be closed when its channel is closed: no goroutine that watches a connection may be left, on either
// side.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newChannel returns a channel that is closed at the end of the test, before the server that it talks to.
func newChannel(t *testing.T, options smtp.Options) *smtp.Channel {
	t.Helper()
	sender := smtp.New(options)
	t.Cleanup(sender.Close)
	return sender
}
