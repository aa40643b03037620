// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"fmt"
	"os"
)

// Main runs a package's tests against one server, and exits the process:
//
//	var server *apiserver.Server
//
//	func TestMain(m *testing.M) { apiserver.Main(m, apiserver.Options{}, &server) }
//
// It asks only for Run of testing.M, so that programs can use this package without linking testing.
func Main(m interface{ Run() int }, o Options, server **Server) {
	started, err := Start(context.Background(), o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	*server = started
	code := m.Run()
	if err := started.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the control plane:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}
