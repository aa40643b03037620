// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

// The specs run the whole manager, with real mails, against a real API server: one namespace, one manager and one mail server
// per spec. A spec's environment is its world; history checks
// what must hold in every spec.

var server *apiserver.Server

func TestControllers(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(25 * time.Millisecond)
	RunSpecs(t, "Controllers")
}

var _ = BeforeSuite(func(ctx SpecContext) { server = testkit.StartServer(ctx, apiserver.Options{}) })

// patience is the timeout, on a busy machine, for what usually takes a fraction of a second.
const patience = 30 * time.Second
