// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"crypto/tls"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/internal/test/testkit"
)

var _ = Describe("the server of the metrics", func() {
	It("speaks TLS 1.2 at least, and no HTTP/2", func(ctx SpecContext) {
		o := options(testkit.Namespace(ctx, server))
		o.MetricsBindAddress, o.MetricsSecure = address(), true
		run(o)
		dial := func(config *tls.Config) (string, error) {
			config.InsecureSkipVerify = true //nolint:gosec // the certificate is its own
			conn, err := tls.Dial("tcp", o.MetricsBindAddress, config)
			if err != nil {
				return "", err
			}
			defer conn.Close()
			return conn.ConnectionState().NegotiatedProtocol, nil
		}
		Eventually(func() error { _, err := dial(&tls.Config{}); return err }).Should(Succeed())
		Expect(dial(&tls.Config{NextProtos: []string{"h2", "http/1.1"}})).To(Equal("http/1.1"))
		_, err := dial(&tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}) //nolint:gosec // that is refused
		Expect(err).To(MatchError(ContainSubstring("protocol version")))
	}, SpecTimeout(time.Minute))
})
