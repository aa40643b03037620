// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/util/cert"

	"github.com/usher-dev/usher/internal/testkit"
)

var _ = Describe("the portal with TLS of its own", func() {
	var folder string
	BeforeEach(func() { folder = GinkgoT().TempDir() })

	// certify puts a new certificate for a name into the folder, as an update of a mounted Secret does.
	certify := func(name string) {
		GinkgoHelper()
		certificate, key, err := cert.GenerateSelfSignedCertKey(name, nil, nil)
		Expect(err).NotTo(HaveOccurred())
		for file, content := range map[string][]byte{"tls.crt": certificate, "tls.key": key} {
			fresh := filepath.Join(folder, file+".new")
			Expect(os.WriteFile(fresh, content, 0o600)).To(Succeed())
			Expect(os.Rename(fresh, filepath.Join(folder, file))).To(Succeed())
		}
	}
	get := func(url string) (*http.Response, error) {
		browser := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
			DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the certificate is its own
		}}
		response, err := browser.Get(url)
		if err == nil {
			response.Body.Close()
		}
		return response, err
	}

	It("serves HTTPS, has browsers insist on it, and takes a new certificate without a restart", func(ctx SpecContext) {
		certify("first.example")
		o := options(testkit.Namespace(ctx, server))
		o.PortalCertDir, o.PortalURL = folder, "https://"+o.PortalBindAddress
		run(o)
		shown := func() string {
			response, err := get(o.PortalURL + "/healthz")
			if err != nil {
				return err.Error()
			}
			return fmt.Sprint(response.StatusCode, " ", response.Proto, " ", strings.Split(response.TLS.PeerCertificates[0].Subject.CommonName, "@")[0],
				" ", response.Header.Get("Strict-Transport-Security"))
		}
		Eventually(shown).Should(Equal("200 HTTP/1.1 first.example max-age=31536000"))
		certify("second.example")
		Eventually(shown).Should(Equal("200 HTTP/1.1 second.example max-age=31536000"))
		response, err := get(strings.Replace(o.PortalURL, "https:", "http:", 1) + "/healthz")
		Expect(err).NotTo(HaveOccurred())
		Expect(response.StatusCode).To(Equal(http.StatusBadRequest))
	}, SpecTimeout(2*time.Minute))

	It("has browsers insist on nothing over HTTP", func(ctx SpecContext) {
		o := options(testkit.Namespace(ctx, server))
		run(o)
		Eventually(func() error { _, err := get(o.PortalURL + "healthz"); return err }).Should(Succeed())
		response, err := get(o.PortalURL + "healthz")
		Expect(err).NotTo(HaveOccurred())
		Expect(response.Header).NotTo(HaveKey("Strict-Transport-Security"))
	}, SpecTimeout(time.Minute))
})
