// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"k8s.io/client-go/transport"
)

// Mutants are managers whose calls are changed on the way, so that Usher's design is broken in one place. Each harness has one,
// and has to find it.

// written is what mutants look at of an object that is being written.
type written struct {
	Metadata map[string]any `json:"metadata"`
	Spec     map[string]any `json:"spec,omitempty"`
	Status   map[string]any `json:"status,omitempty"`
	rest     map[string]any
}

func readBody(req *http.Request) (written, error) {
	var w written
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return w, err
	}
	_ = req.Body.Close()
	if err := json.Unmarshal(body, &w.rest); err != nil {
		return w, err
	}
	if err := json.Unmarshal(body, &w); err != nil {
		return w, err
	}
	setBody(req, body)
	return w, nil
}

func setBody(req *http.Request, body []byte) {
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}

func (w written) bytes() []byte {
	w.rest["metadata"], w.rest["status"] = w.Metadata, w.Status
	body, err := json.Marshal(w.rest)
	if err != nil {
		panic(err) // it was JSON a moment ago
	}
	return body
}

func puts(req *http.Request, resource string) bool {
	return req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/"+resource+"/") && strings.HasSuffix(req.URL.Path, "/status")
}

// withoutFence sends mails without having written down that it is about to.
func withoutFence(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		if !puts(req, "invitations") {
			return next.RoundTrip(req)
		}
		w, err := readBody(req)
		if err != nil {
			return nil, err
		}
		if w.Status["state"] != "Sending" {
			return next.RoundTrip(req)
		}
		return asWritten(req, http.StatusOK, "application/json", w.bytes()), nil
	})
}

// takenForGranted makes a write that fails look as if it had been done, and says so.
func takenForGranted(struck func()) transport.WrapperFunc {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodGet {
				return next.RoundTrip(req)
			}
			body, err := io.ReadAll(req.Body)
			if err != nil {
				return nil, err
			}
			setBody(req, body)
			if answer, err := next.RoundTrip(req); err == nil {
				return answer, nil
			}
			struck()
			return asWritten(req, http.StatusCreated, req.Header.Get("Content-Type"), body), nil
		})
	}
}

// asWritten is the answer to a write that was taken as it was sent.
func asWritten(req *http.Request, code int, contentType string, body []byte) *http.Response {
	return &http.Response{
		StatusCode: code, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// lastWriteWins writes ledgers whatever was written in between: it puts the latest resourceVersion into every one.
func lastWriteWins(resource string) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			if !puts(req, resource) {
				return next.RoundTrip(req)
			}
			w, err := readBody(req)
			if err != nil {
				return nil, err
			}
			get, err := http.NewRequestWithContext(req.Context(), http.MethodGet, strings.TrimSuffix(req.URL.String(), "/status"), nil)
			if err != nil {
				return nil, err
			}
			get.Header = http.Header{"Accept": {"application/json"}}
			answer, err := next.RoundTrip(get)
			if err != nil {
				return nil, err
			}
			var latest written
			err = json.NewDecoder(answer.Body).Decode(&latest)
			_ = answer.Body.Close()
			if err != nil {
				return nil, err
			}
			if version, ok := latest.Metadata["resourceVersion"]; ok {
				w.Metadata["resourceVersion"] = version
			}
			setBody(req, w.bytes())
			return next.RoundTrip(req)
		})
	}
}
