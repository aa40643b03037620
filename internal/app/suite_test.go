// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"context"
	"os"
	"path/filepath"
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

// limited returns the kubeconfig file of a manager with rights in its own namespace and in the watched ones only, as with config/namespaced.
func limited(ctx context.Context, own string, watched ...string) string {
	GinkgoHelper()
	_, err := manager()
	Expect(err).NotTo(HaveOccurred())
	user, err := server.AddNamespacedManager(ctx, own, watched...)
	Expect(err).NotTo(HaveOccurred())
	file := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(os.WriteFile(file, user.Kubeconfig(), 0o600)).To(Succeed())
	return file
}

// manager adds the manager's user to the server, once for all specs.
var manager = sync.OnceValues(func() (*apiserver.User, error) { return server.AddManager(context.Background()) })
