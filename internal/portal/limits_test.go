// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/internal/portal"
	"github.com/usher-dev/usher/internal/portal/web"
)

func TestAFormOfAMegabyteIsRefused(t *testing.T) {
	w := newWorld(t)
	site := httptest.NewServer(w.portal)
	defer site.Close()
	form := acceptance(url.Values{"family_name": {strings.Repeat("x", 1<<20)}})
	answer, err := http.PostForm(site.URL+w.link(), form)
	w.Expect(err).NotTo(HaveOccurred())
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(answer.StatusCode).To(Equal(http.StatusRequestEntityTooLarge))
	w.Expect(string(body)).To(ContainSubstring(titleTooLarge))
	w.Expect(w.wire.mutations.Load()).To(BeZero())
}

func TestAFormOfJustTheLimitIsRead(t *testing.T) {
	w := newWorld(t)
	form := acceptance(url.Values{"padding": {""}})
	form.Set("padding", strings.Repeat("x", web.MaxBodyBytes-len(form.Encode())))
	w.expectDone(w.post(w.link(), form), titleWaiting)
	form.Set("padding", form.Get("padding")+"x")
	w.expectPage(w.post(w.link(), form), http.StatusRequestEntityTooLarge, titleTooLarge)
}

func TestFormsThatMakeNoSense(t *testing.T) {
	w := newWorld(t)
	for name, answer := range map[string]*httptest.ResponseRecorder{
		"no action":      w.post(w.link(), url.Values{}, elsewhere()),
		"another action": w.post(w.link(), url.Values{"action": {"delete"}}, elsewhere()),
		"in the query":   w.post(w.link()+"?action=decline", url.Values{}, elsewhere()),
		"not a form":     w.post(w.link(), acceptance(), elsewhere(), header("Content-Type", "application/json")),
		"bad escapes": w.post(w.link(), nil, elsewhere(), func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader("action=decline&x=%zz"))
		}),
	} {
		w.Expect(answer.Code).To(Equal(http.StatusBadRequest), name)
		w.expectPage(answer, http.StatusBadRequest, titleMalformed)
	}
	w.Expect(w.wire.mutations.Load()).To(BeZero())
}

func TestAnswersFromOtherSitesAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		headers []request
		refused bool
	}{
		"another site":          {[]request{header("Sec-Fetch-Site", "cross-site"), header("Origin", "https://evil.example")}, true},
		"another site, hidden":  {[]request{header("Sec-Fetch-Site", "cross-site"), header("Origin", "null")}, true},
		"a neighbour":           {[]request{header("Sec-Fetch-Site", "same-site")}, true},
		"another, old browser":  {[]request{header("Origin", "https://evil.example")}, true},
		"our page":              {[]request{header("Sec-Fetch-Site", "same-origin"), header("Origin", "null")}, false},
		"our page, plain HTTP":  {[]request{header("Origin", "null")}, false},
		"our page, old browser": {[]request{header("Origin", "http://example.com")}, false},
		"not a browser":         {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			answer := w.post(w.link(), acceptance(), c.headers...)
			if !c.refused {
				w.expectDone(answer, titleWaiting)
				return
			}
			w.expectPage(answer, http.StatusForbidden, titleForeign)
			w.Expect(w.credentials()).To(BeNil())
		})
	}
}

func TestTenPostsAMinuteForEachClient(t *testing.T) {
	w := newWorld(t)
	forged := w.link() + "x"
	for range 10 {
		w.expectPage(w.post(forged, acceptance()), http.StatusNotFound, titleUnknown)
	}
	answer := w.post(w.link(), acceptance())
	w.expectPage(answer, http.StatusTooManyRequests, titleTooMany)
	w.Expect(answer.Header().Get("Retry-After")).To(Equal("6"))
	w.Expect(w.get(w.link()).Code).To(Equal(http.StatusOK), "a GET counts for no limit")
	w.clock.Add(5)
	w.expectPage(w.post(w.link(), acceptance()), http.StatusTooManyRequests, titleTooMany)
	w.clock.Add(1)
	w.expectDone(w.post(w.link(), acceptance()), titleWaiting)
}

func TestTenPostsAMinuteForEachInvitation(t *testing.T) {
	w := newWorld(t)
	for range 20 { // a client without the link cannot use up its tries
		w.post(w.link()+"x", acceptance(), elsewhere())
	}
	for range 10 {
		w.expectPage(w.post(w.link(), url.Values{"action": {"accept"}}, elsewhere()), http.StatusUnprocessableEntity, titleForm)
	}
	answer := w.post(w.link(), acceptance(), elsewhere())
	w.expectPage(answer, http.StatusTooManyRequests, titleTooMany)
	w.Expect(answer.Header().Get("Retry-After")).To(Equal("6"))
	w.Expect(w.credentials()).To(BeNil())
}

func TestTheServerFinishesRequestsThatHaveBegun(t *testing.T) {
	w := newWorld(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	w.Expect(err).NotTo(HaveOccurred())
	w.portal = w.newPortal(func(o *portal.Options) { o.Listener = listener })
	w.Expect(w.portal.Server().NeedLeaderElection()).To(BeFalse())
	begun, goOn := make(chan struct{}), make(chan struct{})
	w.wire.create = func(_ client.Object, create func() error) error {
		close(begun)
		<-goOn
		return create()
	}
	ctx, stop := context.WithCancel(w.ctx)
	stopped, status := make(chan error, 1), make(chan int, 1)
	go func() { stopped <- w.portal.Server().Start(ctx) }()
	go func() {
		browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		answer, err := browser.PostForm("http://"+listener.Addr().String()+w.link(), acceptance())
		if err != nil {
			status <- 0
			return
		}
		defer answer.Body.Close()
		status <- answer.StatusCode
	}()
	w.Eventually(begun, time.Minute).Should(BeClosed())
	stop()
	// The server accepts no new connection, and answers the request that had begun.
	w.Eventually(func() error {
		connection, err := net.Dial("tcp", listener.Addr().String())
		if err == nil {
			connection.Close()
		}
		return err
	}, time.Minute).ShouldNot(Succeed())
	close(goOn)
	w.Eventually(status, time.Minute).Should(Receive(Equal(http.StatusSeeOther)))
	w.Eventually(stopped, time.Minute).Should(Receive(BeNil()))
	w.Expect(w.credentials()).NotTo(BeNil())
}

func TestAnAddressThatCannotBeListenedOnIsAnError(t *testing.T) {
	w := newWorld(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	w.Expect(err).NotTo(HaveOccurred())
	defer listener.Close()
	w.portal = w.newPortal(func(o *portal.Options) { o.BindAddress = listener.Addr().String() })
	w.Expect(w.portal.Server().Start(w.ctx)).NotTo(Succeed())
}

func TestAProxyThatNobodyConfiguredKeepsNoVisitorOut(t *testing.T) {
	w := newWorld(t)
	proxied := []request{from("10.0.0.1:1234"), header("X-Forwarded-For", "198.51.100.1")}
	for range 199 { // of an attacker: with 10, the invitee would be refused
		w.expectPage(w.post(w.link()+"x", acceptance(), proxied...), http.StatusNotFound, titleUnknown)
	}
	w.expectDone(w.post(w.link(), acceptance(), proxied...), titleWaiting)
	w.expectPage(w.post(w.link(), acceptance(), proxied...), http.StatusTooManyRequests, titleTooMany)
	w.Expect(w.portal.Warning()).To(And(ContainSubstring("from 10.0.0.1,"), ContainSubstring("--trusted-proxies")))
	w.expectPage(w.post(w.link()+"x", acceptance(), from("10.0.0.2:1234")), http.StatusNotFound, titleUnknown)
	w.clock.Add(3600)
	w.clock.Add(1)
	w.Expect(w.portal.Warning()).To(BeEmpty())
}

func TestTheInvitationsLimitHoldsBehindAProxyThatNobodyConfigured(t *testing.T) {
	w := newWorld(t)
	proxied := []request{from("10.0.0.1:1234"), header("X-Forwarded-For", "198.51.100.1")}
	for range 10 {
		w.expectPage(w.post(w.link(), url.Values{"action": {"accept"}}, proxied...), http.StatusUnprocessableEntity, titleForm)
	}
	w.expectPage(w.post(w.link(), acceptance(), proxied...), http.StatusTooManyRequests, titleTooMany)
}

func TestAPublicSenderIsNotNamed(t *testing.T) {
	w := newWorld(t)
	w.post(w.link()+"x", acceptance(), from("192.0.2.9:1234"), header("X-Forwarded-For", "198.51.100.1"))
	w.Expect(w.portal.Warning()).To(And(ContainSubstring("from a public address,"), Not(ContainSubstring("192.0.2.9"))))
}

func TestFormsThatAnotherSiteSendsCountForNoLimit(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		w.expectPage(w.post(w.link(), acceptance(), header("Sec-Fetch-Site", "cross-site")), http.StatusForbidden, titleForeign)
	}
	w.expectDone(w.post(w.link(), acceptance()), titleWaiting)
}

func TestAClientOpensSoManyPagesAMinute(t *testing.T) {
	w := newWorld(t)
	w.portal = w.newPortal(func(o *portal.Options) { o.Limits.PagesPerMinute = 30 })
	for range 30 {
		w.Expect(w.get(w.link()).Code).To(Equal(http.StatusOK))
	}
	answer := w.get(w.link())
	w.expectPage(answer, http.StatusTooManyRequests, titleTooMany)
	w.Expect(answer.Header().Get("Retry-After")).To(Equal("2"))
	w.Expect(w.get("/assets/portal.css").Code).To(Equal(http.StatusOK), "it reads nothing")
	w.Expect(w.get("/healthz").Code).To(Equal(http.StatusOK))
	w.Expect(w.get(w.link(), from("198.51.100.7:1")).Code).To(Equal(http.StatusOK))
	w.Expect(w.post(w.link(), acceptance()).Code).To(Equal(http.StatusSeeOther))
}

// A flood of visitors makes as many calls to the API server as the limit says, and no more.
func TestReadsHaveALimitForAllVisitors(t *testing.T) {
	w := newWorld(t)
	w.portal = w.newPortal(func(o *portal.Options) { o.Limits.ReadsPerSecond = 5 })
	reads := w.wire.reads.Load()
	began := time.Now()
	var visits sync.WaitGroup
	var busy atomic.Int64
	for i := range 100 {
		visits.Go(func() {
			if answer := w.get(w.link(), from(fmt.Sprintf("198.51.100.%d:1", i))); answer.Code == http.StatusServiceUnavailable {
				busy.Add(1)
			}
		})
	}
	visits.Wait()
	w.Expect(busy.Load()).To(BeNumerically(">", 50))
	most := 10 + 5*(time.Since(began).Seconds()+1)
	w.Expect(float64(w.wire.reads.Load() - reads)).To(BeNumerically("<=", most))
}

func TestEachClientBehindAProxyHasTriesOfItsOwn(t *testing.T) {
	w := newWorld(t)
	w.portal = w.newPortal(func(o *portal.Options) { o.Proxies = web.Proxies{netip.MustParsePrefix("10.0.0.0/8")} })
	client := func(said string) []request {
		return []request{from("10.0.0.1:1234"), header("X-Forwarded-For", said)}
	}
	forged := w.link() + "x"
	for i := range 10 {
		made := strings.Repeat("203.0.113.9, ", i) // it is one client, with any addresses that it makes up
		w.expectPage(w.post(forged, acceptance(), client(made+"198.51.100.1")...), http.StatusNotFound, titleUnknown)
	}
	w.expectPage(w.post(w.link(), acceptance(), client("203.0.113.77, 198.51.100.1")...), http.StatusTooManyRequests, titleTooMany)
	w.expectDone(w.post(w.link(), acceptance(), client("198.51.100.2")...), titleWaiting)
}
