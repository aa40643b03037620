// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/gate"
)

var _ = Describe("the webhooks", func() {
	It("are served if there are certificates, and the manager works without them", func(ctx SpecContext) {
		place, err := gate.New(GinkgoT().TempDir())
		Expect(err).NotTo(HaveOccurred())
		page := fmt.Sprintf("https://127.0.0.1:%d/validate-members", place.Port)
		o := options(testkit.Namespace(ctx, server))
		o.WebhookPort = place.Port
		ready := func() int { return status("http://" + o.HealthProbeBindAddress + "/readyz") }

		stop := run(o)
		Eventually(ready).Should(Equal(http.StatusOK), "without a directory")
		Expect(status(page)).To(BeZero())
		stop()

		o.WebhookCertDir = place.CertDir
		key, err := os.ReadFile(filepath.Join(place.CertDir, "tls.key"))
		Expect(err).NotTo(HaveOccurred())
		Expect(os.Remove(filepath.Join(place.CertDir, "tls.key"))).To(Succeed())
		stop = run(o)
		Eventually(ready).Should(Equal(http.StatusOK), "without a key")
		Expect(status(page)).To(BeZero())
		stop()

		Expect(os.WriteFile(filepath.Join(place.CertDir, "tls.key"), key, 0o600)).To(Succeed())
		run(o)
		Eventually(func() int { return status(page) }).Should(Equal(http.StatusOK))
	})
})
