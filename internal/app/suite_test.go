// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"context"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

var server *apiserver.Server

func TestApp(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(30 * time.Second) // for a busy machine
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "App")
}

var _ = BeforeSuite(func(ctx SpecContext) { server = testkit.StartServer(ctx, apiserver.Options{}) })

// manager adds the manager's user to the server, once for all specs.
var manager = sync.OnceValues(func() (*apiserver.User, error) { return server.AddManager(context.Background()) })
