// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"context"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

// StartServer starts the API server of a ginkgo suite, and stops it after the suite. Call it in BeforeSuite:
//
//	var server *apiserver.Server
//
//	var _ = BeforeSuite(func(ctx SpecContext) { server = testkit.StartServer(ctx, apiserver.Options{}) })
//
// controller-runtime's log goes to ginkgo, which shows it if a spec fails. Eventually uses its timeout even if it has a context; by
// default, gomega would wait forever. Suites of the testing package use apiserver.Main instead.
func StartServer(ctx context.Context, o apiserver.Options) *apiserver.Server {
	ginkgo.GinkgoHelper()
	log.SetLogger(ginkgo.GinkgoLogr)
	gomega.EnforceDefaultTimeoutsWhenUsingContexts()
	server, err := apiserver.Start(ctx, o)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	ginkgo.DeferCleanup(server.Stop)
	return server
}

// Namespace creates a namespace for one ginkgo spec and returns its name. It is never deleted: no namespace controller runs that
// would empty it.
func Namespace(ctx context.Context, server *apiserver.Server) string {
	ginkgo.GinkgoHelper()
	name, err := server.Namespace(ctx, "spec")
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return name
}

// Scheme has Kubernetes' kinds and Usher's.
func Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}

// Client creates an uncached client for Kubernetes' kinds and Usher's.
func Client(config *rest.Config) client.WithWatch {
	ginkgo.GinkgoHelper()
	c, err := client.NewWithWatch(config, client.Options{Scheme: Scheme()})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return c
}
