// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/util/cert"

	"github.com/usher-dev/usher/internal/test/testkit"
)

var _ = Describe("the portal with its own TLS certificate", func() {
	var folder string
	BeforeEach(func() { folder = GinkgoT().TempDir() })

	// certify writes a new certificate for a name into the directory, as an update of a mounted Secret does.
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

	It("serves HTTPS with Strict-Transport-Security, and loads a new certificate without a restart", func(ctx SpecContext) {
		certify("first.example")
		o := options(testkit.Namespace(ctx, server))
		o.PortalCertDir, o.PortalURL = folder, "https://"+o.PortalBindAddress
		run(o)
		shown := func() string {
			response, err := get(o.PortalURL + "/healthz")
			if err != nil {
				return err.Error()
			}
			return fmt.Sprint(response.StatusCode, " ", response.Proto, " ",
				strings.Split(response.TLS.PeerCertificates[0].Subject.CommonName, "@")[0],
				" ", response.Header.Get("Strict-Transport-Security"))
		}
		Eventually(shown).Should(Equal("200 HTTP/1.1 first.example max-age=31536000"))
		certify("second.example")
		Eventually(shown).Should(Equal("200 HTTP/1.1 second.example max-age=31536000"))
		response, err := get(strings.Replace(o.PortalURL, "https:", "http:", 1) + "/healthz")
		Expect(err).NotTo(HaveOccurred())
		Expect(response.StatusCode).To(Equal(http.StatusBadRequest))
	}, SpecTimeout(2*time.Minute))

	It("sends no Strict-Transport-Security over HTTP", func(ctx SpecContext) {
		o := options(testkit.Namespace(ctx, server))
		run(o)
		Eventually(func() error { _, err := get(o.PortalURL + "healthz"); return err }).Should(Succeed())
		response, err := get(o.PortalURL + "healthz")
		Expect(err).NotTo(HaveOccurred())
		Expect(response.Header).NotTo(HaveKey("Strict-Transport-Security"))
	}, SpecTimeout(time.Minute))
})

// Password hashes are expensive on purpose. However many passwords are tried at once, seats are granted in time, and an invitee
// can still accept.
var _ = Describe("a flood of passwords", func() {
	const within = 20 * time.Second

	It("starves neither the controllers nor an invitee", func(ctx SpecContext) {
		api, namespace := testkit.Client(server.Config()), testkit.Namespace(ctx, server)
		o := options(namespace)
		o.TrustedProxies = "127.0.0.0/8" // so that every client has another address
		sink := newAccount(api, namespace)
		run(o)
		Eventually(func() int { return status("http://" + o.HealthProbeBindAddress + "/readyz") }).Should(Equal(http.StatusOK))

		flooding, stop := context.WithCancel(ctx)
		var flood sync.WaitGroup
		var sent, answered, turnedAway atomic.Int64
		for i := range 200 {
			flood.Go(func() {
				for n := 0; flooding.Err() == nil; n++ {
					form := url.Values{"action": {"sign-in"}, "email": {fmt.Sprintf("guess%d.%d@acme.example", i, n)}, "password": {"a guess"}}
					request, err := http.NewRequestWithContext(flooding, http.MethodPost, o.PortalURL+"me", strings.NewReader(form.Encode()))
					if err != nil {
						return
					}
					request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					request.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.%d", i, n/250%250, n%250))
					sent.Add(1)
					response, err := http.DefaultClient.Do(request)
					if err != nil {
						continue
					}
					response.Body.Close()
					answered.Add(1)
					if response.StatusCode == http.StatusServiceUnavailable {
						turnedAway.Add(1)
					}
				}
			})
		}
		defer flood.Wait()
		defer stop()
		Eventually(sent.Load).WithTimeout(time.Minute).Should(BeNumerically(">=", 200))

		began := time.Now()
		Expect(api.Create(ctx, testkit.Member("ada").In(namespace).Build())).To(Succeed())
		Eventually(memberOf(api, namespace)).WithTimeout(within).Should(HaveField("Status.Seats", Not(BeEmpty())))
		granted := time.Since(began)
		mail, err := sink.AwaitMailTo(ctx, "ada@acme.example")
		Expect(err).NotTo(HaveOccurred())
		began = time.Now()
		Eventually(func() int { return post(mail.Link()) }).WithTimeout(time.Minute).Should(Equal(http.StatusSeeOther))
		AddReportEntry("under a flood", fmt.Sprintf("seat after %v, acceptance after %v, %d tries sent, %d answered, %d of them turned away",
			granted.Round(time.Millisecond), time.Since(began).Round(time.Millisecond), sent.Load(), answered.Load(), turnedAway.Load()))
	}, SpecTimeout(3*time.Minute))
})
