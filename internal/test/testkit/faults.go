// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Fault replaces the plain sending of a call; it may call send, once.
type Fault func(req *http.Request, send func() (*http.Response, error)) (*http.Response, error)

// Refused fails before sending, as if no server listened, without any effect.
func Refused(req *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

// AnswerLost sends, and breaks the connection after the API server has done the work and before the client gets the response.
func AnswerLost(_ *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	answer, err := send()
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return nil, err
	}
	return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
}

// Then sends, and calls do before the client gets the response: to stop an operator right after its write.
func Then(do func()) Fault {
	return func(_ *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		answer, err := send()
		do()
		return answer, err
	}
}

// Status returns an error as the API server would, without sending: 409 Conflict, 500 InternalError, 504 Timeout, or 429
// TooManyRequests with a Retry-After header of that many whole seconds (0 for none).
func Status(code int, retryAfter time.Duration) Fault {
	return func(req *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return answerWith(req, code, retryAfter)
	}
}

var statusReasons = map[int]metav1.StatusReason{
	http.StatusConflict:            metav1.StatusReasonConflict,
	http.StatusTooManyRequests:     metav1.StatusReasonTooManyRequests,
	http.StatusInternalServerError: metav1.StatusReasonInternalError,
	http.StatusGatewayTimeout:      metav1.StatusReasonTimeout,
}

func answerWith(req *http.Request, code int, retryAfter time.Duration) (*http.Response, error) {
	body, err := json.Marshal(metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure,
		Reason:   statusReasons[code],
		Message:  fmt.Sprintf("%s, as the test wants it", http.StatusText(code)),
		Code:     int32(code),
	})
	if err != nil {
		return nil, err
	}
	answer := &http.Response{
		Status: fmt.Sprintf("%d %s", code, http.StatusText(code)), StatusCode: code,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       req,
	}
	if seconds := int(retryAfter / time.Second); seconds > 0 {
		answer.Header.Set("Retry-After", strconv.Itoa(seconds))
	}
	return answer, nil
}

// BrownOut makes a share (0 to 1) of all calls except housekeeping fail until Heal: refused, reset after the work was done, 409 for
// updates, 429 with Retry-After, 500, and 504 before or after the work was done. The seed determines which.
func (w *Wire) BrownOut(seed uint64, share float64) {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	failures := []Fault{
		Refused,
		AnswerLost,
		conflict,
		Status(http.StatusTooManyRequests, time.Second),
		Status(http.StatusInternalServerError, 0),
		Status(http.StatusGatewayTimeout, 0),
		timeoutAfter,
	}
	w.When(func(c Call) bool {
		mu.Lock()
		defer mu.Unlock()
		return !c.Housekeeping() && random.Float64() < share
	}, func(req *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		mu.Lock()
		failure := failures[random.IntN(len(failures))]
		mu.Unlock()
		return failure(req, send)
	})
}

// conflict applies to writes with a resourceVersion; the API server returns conflicts for no others.
func conflict(req *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	if req.Method == http.MethodPut || req.Method == http.MethodPatch {
		return Status(http.StatusConflict, 0)(req, send)
	}
	return Status(http.StatusInternalServerError, 0)(req, send)
}

// timeoutAfter returns a 504 although the work was done.
func timeoutAfter(req *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	answer, err := send()
	if err != nil {
		return nil, err
	}
	if err := answer.Body.Close(); err != nil {
		return nil, err
	}
	return answerWith(req, http.StatusGatewayTimeout, 0)
}

// Hold is a call that waits between the client and the API server.
type Hold struct {
	arrived, released chan struct{}
	arrive, release   func()
}

// Hold stops the next call that matches, before it is sent, until Release:
//
//	hold := wire.Hold(func(c testkit.Call) bool { return c.String() == "update seatpools/status acme/acme-base" })
//	Eventually(hold.Arrived()).Should(BeClosed())
//	…
//	hold.Release()
func (w *Wire) Hold(match func(Call) bool) *Hold {
	h := &Hold{arrived: make(chan struct{}), released: make(chan struct{})}
	h.arrive = sync.OnceFunc(func() { close(h.arrived) })
	h.release = sync.OnceFunc(func() { close(h.released) })
	var once sync.Once
	w.When(func(c Call) bool {
		first := false
		if match(c) {
			once.Do(func() { first = true })
		}
		return first
	}, h.wait)
	return h
}

func (h *Hold) wait(req *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	h.arrive()
	select {
	case <-h.released:
		return send()
	case <-req.Context().Done():
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, req.Context().Err()
	}
}

// Arrived is closed once a call is held.
func (h *Hold) Arrived() <-chan struct{} { return h.arrived }

// Release sends the held call, or lets the next one through if there is none yet.
func (h *Hold) Release() { h.release() }
