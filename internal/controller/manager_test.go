// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"

	"github.com/usher-dev/usher/internal/app"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// operator is a running manager, as cmd/manager runs it.
type operator struct {
	world   *world
	wire    *testkit.Wire
	secrets *secretReads
	cancel  context.CancelFunc
	done    chan struct{}
}

const portalURL = "https://invite.acme.example"

// start runs a manager with all rights in the world's namespace, until the end of the spec.
func (w *world) start(change ...func(*app.Options)) *operator {
	GinkgoHelper()
	return w.startAs(server.Config(), change...)
}

// startAs runs a manager with the rights of a user.
func (w *world) startAs(user *rest.Config, change ...func(*app.Options)) *operator {
	GinkgoHelper()
	o := &operator{world: w, wire: testkit.NewWire(), secrets: &secretReads{}, done: make(chan struct{})}
	options := app.Options{
		Namespace: w.namespace, WatchNamespaces: w.namespace,
		SMTPSecret: smtpSecret, TokenSecret: tokenSecret, PortalURL: portalURL,
		PortalBindAddress: "0", MetricsBindAddress: "0", HealthProbeBindAddress: "0", MailWorkers: 8,
		SMTPAllow: "127.0.0.0/8:*,[::1]:*",
		TestHooks: app.TestHooks{Now: w.clock.Now, Several: true},
	}
	for _, c := range change {
		c(&options)
	}
	config := o.wire.Attach(user)
	config.Wrap(o.secrets.watch)
	ctx, cancel := context.WithCancel(context.Background())
	o.cancel = cancel
	mgr, err := app.New(ctx, config, options)
	Expect(err).NotTo(HaveOccurred())
	go func() {
		defer GinkgoRecover()
		defer close(o.done)
		Expect(mgr.Start(ctx)).To(Succeed())
	}()
	DeferCleanup(func() {
		o.stop()
		Expect(o.secrets.Bulk()).To(BeEmpty(), "contents of Secrets must be read one by one, when they are needed")
	})
	return o
}

// stop ends the manager gracefully.
func (o *operator) stop() {
	GinkgoHelper()
	o.cancel()
	Eventually(o.done).Should(BeClosed())
}

// cut keeps all further calls of the manager from the API server, as if the manager had been killed. Calls fail with 404, so that they
// are not retried.
func (o *operator) cut() {
	o.wire.Heal()
	o.wire.When(func(testkit.Call) bool { return true }, testkit.Status(http.StatusNotFound, 0))
}

// kill ends the manager without letting it finish anything.
func (o *operator) kill() {
	GinkgoHelper()
	o.cut()
	o.stop()
}

// killAt cuts the manager off at the nth call that matches: after the API server has handled it, or before if lost is set.
func (o *operator) killAt(n int, match func(testkit.Call) bool, lost bool) (dead <-chan struct{}) {
	cut := make(chan struct{})
	die := sync.OnceFunc(func() {
		o.cut()
		close(cut)
	})
	count := 0
	o.wire.When(func(c testkit.Call) bool {
		if match(c) {
			count++
		}
		return match(c) && count == n
	}, func(req *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		defer die()
		if lost {
			return testkit.Status(http.StatusNotFound, 0)(req, send)
		}
		return testkit.AnswerLost(req, send)
	})
	return cut
}

// secretReads records the reads of Secrets, and which of them read the contents of more than one.
type secretReads struct {
	mu   sync.Mutex
	bulk []string
	all  []string
}

func (s *secretReads) watch(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		parts := strings.Split(req.URL.Path, "/")
		if req.Method == http.MethodGet && slices.Contains(parts, "secrets") {
			s.mu.Lock()
			s.all = append(s.all, parts[len(parts)-1])
			if parts[len(parts)-1] == "secrets" && !onlyMetadata(req.Header.Get("Accept")) {
				s.bulk = append(s.bulk, fmt.Sprintf("%s (%s)", req.URL, req.Header.Get("Accept")))
			}
			s.mu.Unlock()
		}
		return next.RoundTrip(req)
	})
}

// onlyMetadata checks the first media type: the API server serves metadata for every kind, so it never uses the others.
func onlyMetadata(accept string) bool {
	first, _, _ := strings.Cut(accept, ",")
	return strings.Contains(first, "as=PartialObjectMetadata")
}

// Bulk returns the lists and watches that asked for more than metadata.
func (s *secretReads) Bulk() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.bulk)
}

// Reads returns the names of the Secrets that were read, with "secrets" for a list or a watch.
func (s *secretReads) Reads() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return r(req) }
