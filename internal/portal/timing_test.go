// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/internal/portal/web"
)

// What a client that tries links could tell apart.
const (
	timedRequests = 2000
	timedAtOnce   = 8
	telltale      = time.Millisecond
	measurements  = 3
)

// medians answers the requests in turn, several at a time, so that whatever else this machine is busy with hits all of them
// alike, and returns the median time of each.
func medians(handler http.Handler, rounds, atOnce int, requests map[string]func() *http.Request) map[string]time.Duration {
	var mu sync.Mutex
	times := map[string][]time.Duration{}
	turns := make(chan struct{}, rounds)
	for range rounds {
		turns <- struct{}{}
	}
	close(turns)
	var timing sync.WaitGroup
	for range atOnce {
		timing.Go(func() {
			for range turns {
				for name, request := range requests { // in another order each time
					r := request()
					began := time.Now()
					handler.ServeHTTP(httptest.NewRecorder(), r)
					took := time.Since(began)
					mu.Lock()
					times[name] = append(times[name], took)
					mu.Unlock()
				}
			}
		})
	}
	timing.Wait()
	middle := map[string]time.Duration{}
	for name, all := range times {
		slices.Sort(all)
		middle[name] = all[len(all)/2]
	}
	return middle
}

// difference returns by how much the medians differ, if they do so in every measurement. One that is off by chance does not repeat
// itself; a real difference is there each time, so measuring again hides none.
func difference(t *testing.T, handler http.Handler, rounds int, requests map[string]func() *http.Request) time.Duration {
	t.Helper()
	return differenceOf(t, handler, rounds, timedAtOnce, requests)
}

// differenceOf is difference with so many requests at a time.
func differenceOf(t *testing.T, handler http.Handler, rounds, atOnce int, requests map[string]func() *http.Request) time.Duration {
	t.Helper()
	var least time.Duration
	for i := range measurements {
		middle := medians(handler, rounds, atOnce, requests)
		var shortest, longest time.Duration
		for _, m := range middle {
			if shortest == 0 || m < shortest {
				shortest = m
			}
			longest = max(longest, m)
		}
		t.Logf("median of %d requests each: %v, %v apart", rounds, middle, longest-shortest)
		if apart := longest - shortest; i == 0 || apart < least {
			least = apart
		}
		if least < telltale {
			break
		}
	}
	return least
}

// A client that tries links learns from no answer whether there is such an invitation: not from the status, the page or the
// headers, and not from the time that it takes.
func TestNoAnswerRevealsWhichInvitationsExist(t *testing.T) {
	w := newWorld(t)
	namespace, genuine := w.invitation.Namespace, w.token()
	forged := otherKeys(w).Token(w.invitation.UID, 1, string(w.member.Spec.Email))
	requests := w.alike(map[string]string{
		"forged":    "/i/" + namespace + "/ada/" + forged,
		"unknown":   "/i/" + namespace + "/bob/" + genuine,
		"malformed": "/i/" + namespace + "/A%2F/" + genuine[:7] + "%00",
		"dressed":   "/i/" + namespace + "/ada/" + forged + "%3E/)",
	})
	w.Expect(difference(t, w.portal, timedRequests, requests)).To(BeNumerically("<", telltale))

	// The same measurement shows a portal that takes longer where there is an invitation.
	w.wire.beforeGet = func(key client.ObjectKey, object client.Object) error {
		if kindOf(w, object) == "Member" && key.Name == "ada" {
			<-time.After(web.DefaultEvenTime)
		}
		return nil
	}
	w.Expect(difference(t, w.portal, 40, requests)).To(BeNumerically(">", telltale), "the measurement sees nothing")
}

// alike returns requests for paths whose answers differ in nothing but their time.
func (w *world) alike(paths map[string]string) map[string]func() *http.Request {
	w.t.Helper()
	requests := map[string]func() *http.Request{}
	var first *httptest.ResponseRecorder
	for name, path := range paths {
		requests[name] = func() *http.Request { return httptest.NewRequestWithContext(w.ctx, http.MethodGet, path, nil) }
		answer := httptest.NewRecorder()
		w.portal.ServeHTTP(answer, requests[name]())
		if first == nil {
			first = answer
		}
		w.expectPage(answer, http.StatusNotFound, titleUnknown)
		w.Expect(bytes.Equal(answer.Body.Bytes(), first.Body.Bytes())).To(BeTrue(), name)
		w.Expect(answer.Header()).To(Equal(first.Header()), name)
	}
	return requests
}

// The same goes for which members there are, and which of them wait for a new address.
func TestNoAnswerRevealsWhichAddressesChange(t *testing.T) {
	w := newChange(t)
	w.another("acme", "bob@acme.example", "bob@acme.example")
	base := "/e/" + w.member.Namespace
	requests := w.alike(map[string]string{
		"waits":     base + "/ada/" + w.token(),
		"does not":  base + "/bob/" + w.token(),
		"unknown":   base + "/eve/" + w.token(),
		"malformed": base + "/A%2F/" + w.token()[:7] + "%00",
	})
	w.Expect(difference(t, w.portal, timedRequests/10, requests)).To(BeNumerically("<", telltale))
}
