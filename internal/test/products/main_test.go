// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package products_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

// All lines share an API server, a manager with its portal, and a mail server; each has a namespace of its own.
var (
	server *apiserver.Server
	site   *platform
)

func TestMain(m *testing.M) {
	// Lines wait most of the time, so more of them than there are cores can run concurrently.
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	log.SetLogger(logr.Discard())
	apiserver.Main(onPlatform{m}, apiserver.Options{
		Audit: true, Readers: []string{apiserver.ManagerUser, apiserver.PortalUser}, Plugins: []string{"OwnerReferencesPermissionEnforcement"},
	}, &server)
}

// onPlatform starts the platform before the tests, and stops it after them.
type onPlatform struct{ m *testing.M }

func (p onPlatform) Run() int {
	started, err := startPlatform()
	if err != nil {
		fmt.Fprintln(os.Stderr, "start the platform:", err)
		return 1
	}
	site = started
	code := p.m.Run()
	if code == 0 {
		code = reportRights()
	}
	if err := site.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "the manager:", err)
		return 1
	}
	return code
}
