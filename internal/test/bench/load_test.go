// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// A server that does nothing for a second makes all requests slow that are due in that second, not only the one that it was working on.
func TestAPauseMakesAllRequestsSlowThatAreDueInIt(t *testing.T) {
	g := NewWithT(t)
	const pause, rate = time.Second, 100
	var working sync.Mutex
	first := sync.OnceFunc(func() { time.Sleep(pause) })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		working.Lock()
		defer working.Unlock()
		first()
		_, _ = w.Write([]byte("page"))
	}))
	defer server.Close()
	load := &openLoad{
		rate: rate, client: server.Client(),
		request: func(int) (*http.Request, error) {
			return http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		},
		accepts: func(body []byte) bool { return string(body) == "page" },
	}
	ended := make(chan struct{})
	close(ended)
	l := load.run(t.Context(), 2*rate, ended)
	g.Expect(l.Took).To(HaveLen(2 * rate))
	g.Expect(l.Failed).To(BeZero())
	g.Expect(most(l.Took)).To(BeNumerically(">=", pause))
	g.Expect(percentile(l.Took, 0.75)).To(BeNumerically(">", pause/4), "half of the requests were due during the pause")

	load.rate, load.Latencies = 1_000_000_000, Latencies{} // more than can be sent
	load.request = func(int) (*http.Request, error) { return nil, errors.New("not sent") }
	l = load.run(t.Context(), 10_000, ended)
	for i := range l.Took {
		g.Expect(l.Took[i]).To(BeNumerically(">=", l.Late[i]), "what is sent late has been due before")
	}
}

func TestWrongAnswersFail(t *testing.T) {
	g := NewWithT(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte("page"))
	}))
	defer server.Close()
	load := &openLoad{
		rate: 1000, client: server.Client(),
		request: func(i int) (*http.Request, error) {
			path := []string{"/", "/broken"}[i%2]
			return http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		},
		accepts: func(body []byte) bool { return string(body) == "page" },
	}
	ended := make(chan struct{})
	close(ended)
	l := load.run(t.Context(), 10, ended)
	g.Expect(l.Failed).To(Equal(5))
	g.Expect(l.Failure).To(MatchError(ContainSubstring("503")))
	load.accepts, load.Latencies = func([]byte) bool { return false }, Latencies{}
	g.Expect(load.run(t.Context(), 10, ended).Failed).To(Equal(10), "another page is no answer")
}
