// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

var server *apiserver.Server

func TestTestkit(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(20 * time.Second) // for busy machines
	RunSpecs(t, "Testkit")
}

var _ = BeforeSuite(func(ctx SpecContext) { server = StartServer(ctx, apiserver.Options{}) })
