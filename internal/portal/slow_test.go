// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/internal/portal"
)

// serve makes the world's portal listen, with limits of its own, until the test ends.
func (w *world) serve(limits portal.Limits) (address string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	w.Expect(err).NotTo(HaveOccurred())
	w.portal = w.newPortal(func(o *portal.Options) { o.Listener, o.Limits = listener, limits })
	stopped := make(chan error, 1)
	go func() { stopped <- w.portal.Server().Start(w.ctx) }() // the test's context ends before its cleanups
	w.t.Cleanup(func() { w.Eventually(stopped, time.Minute).Should(Receive(BeNil())) })
	return listener.Addr().String()
}

// Many clients that open a connection and send a part of a request keep no visitor out, and lose their connections.
func TestSlowClientsKeepNoVisitorOut(t *testing.T) {
	w := newWorld(t)
	const limit, slow = 200, 1000
	address := w.serve(portal.Limits{HashCost: 4, Connections: limit, PostsPerMinute: slow}) // all come from one address
	closed := make(chan struct{}, slow)
	stall := func(beginning string) {
		connection, err := net.Dial("tcp", address)
		w.Expect(err).NotTo(HaveOccurred())
		t.Cleanup(func() { connection.Close() })
		_, err = io.WriteString(connection, beginning)
		w.Expect(err).NotTo(HaveOccurred())
		go func() {
			_, _ = io.Copy(io.Discard, connection) // until the server hangs up
			closed <- struct{}{}
		}()
	}
	for i := range slow {
		switch {
		case i < slow/2:
			stall("POST " + w.link() + " HTTP/1.1\r\nHost: portal\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\naction=acc") // half a form
		case i%2 == 0:
			stall("GET " + w.link() + " HTTP/1.1\r\nHost: portal\r\nX-Slow: ") // half a header
		default:
			stall("") // nothing
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	browser := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	began := time.Now()
	for range 10 {
		answer, err := browser.Get("http://" + address + w.link())
		w.Expect(err).NotTo(HaveOccurred())
		page, err := io.ReadAll(answer.Body)
		w.Expect(err).NotTo(HaveOccurred())
		w.Expect(answer.Body.Close()).To(Succeed())
		w.Expect(string(page)).To(ContainSubstring(titleForm))
	}
	answer, err := browser.PostForm("http://"+address+w.link(), acceptance())
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(answer.Body.Close()).To(Succeed())
	w.Expect(answer.Request.URL.Path).To(HaveSuffix("/welcome"))
	t.Logf("%d connections opened, at most %d kept; eleven pages in %v; heap %.1f MiB, stacks %.1f MiB",
		slow, limit, time.Since(began).Round(time.Millisecond), float64(stats.HeapInuse)/(1<<20), float64(stats.StackInuse)/(1<<20))
	w.Eventually(func() int { return len(closed) }, time.Minute).Should(BeNumerically(">=", slow-limit), "pushed out by later ones")
	w.Eventually(func() int { return len(closed) }, time.Minute).Should(Equal(slow), "cut off by the timeouts")
}

func TestHeadersHaveALimit(t *testing.T) {
	w := newWorld(t)
	address := w.serve(portal.Limits{HashCost: 4})
	for size, want := range map[int]int{1 << 10: http.StatusOK, 64 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		connection, err := net.Dial("tcp", address)
		w.Expect(err).NotTo(HaveOccurred())
		// The server may hang up before it has read all of it.
		_, _ = fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: portal\r\nX-Padding: %s\r\n\r\n", w.link(), strings.Repeat("x", size))
		status := make([]byte, len("HTTP/1.1 200"))
		_, err = io.ReadFull(connection, status)
		w.Expect(err).NotTo(HaveOccurred())
		w.Expect(string(status)).To(HaveSuffix(fmt.Sprint(want)))
		w.Expect(connection.Close()).To(Succeed())
	}
}
