// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/usher-dev/usher/internal/mail"
)

// Every conversation must be closed by the time its sender is: neither a connection's watcher nor a server's half of it may be
// left.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newSMTP returns a sender that is closed at the end of the test, before the server that it talks to.
func newSMTP(t *testing.T, options mail.Options) *mail.SMTP {
	t.Helper()
	sender := mail.NewSMTP(options)
	t.Cleanup(sender.Close)
	return sender
}
