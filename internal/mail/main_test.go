// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package mail_test

import (
	"testing"

	"go.uber.org/goleak"
)

// Every conversation must be closed by the time its call returns: neither a connection's watcher nor a server's half of it
// may be left.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
