// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"context"

	. "github.com/onsi/ginkgo/v2" //nolint:revive,staticcheck // the test language
	. "github.com/onsi/gomega"    //nolint:revive,staticcheck // the test language
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/testkit/apiserver"
)

// StartServer starts the API server of a ginkgo suite, and stops it after the suite. Call it in BeforeSuite:
//
//	var server *apiserver.Server
//
//	var _ = BeforeSuite(func(ctx SpecContext) { server = testkit.StartServer(ctx, apiserver.Options{}) })
//
// What controller-runtime logs goes to ginkgo, which shows it where a spec fails. Suites of the testing package use
// apiserver.Main instead.
func StartServer(ctx context.Context, o apiserver.Options) *apiserver.Server {
	GinkgoHelper()
	log.SetLogger(GinkgoLogr)
	server, err := apiserver.Start(ctx, o)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(server.Stop)
	return server
}

// Namespace makes a namespace for one ginkgo spec and returns its name. It is never deleted: nobody is there to empty it.
func Namespace(ctx context.Context, server *apiserver.Server) string {
	GinkgoHelper()
	name, err := server.Namespace(ctx, "spec")
	Expect(err).NotTo(HaveOccurred())
	return name
}

// Scheme knows Kubernetes' kinds and Usher's.
func Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}

// Client makes an uncached client for Kubernetes' kinds and Usher's.
func Client(config *rest.Config) client.WithWatch {
	GinkgoHelper()
	c, err := client.NewWithWatch(config, client.Options{Scheme: Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return c
}
