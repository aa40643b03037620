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

// A mutant is a manager whose calls are changed in transit, so that Usher's design is broken in one place. Each harness has to find its
// mutants.

// written is the part of a written object that mutants read.
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
		panic(err) // it was parsed from JSON
	}
	return body
}

func puts(req *http.Request, resource string) bool {
	return req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/"+resource+"/") && strings.HasSuffix(req.URL.Path, "/status")
}

// withoutFence sends mails without claiming them first.
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

// ignoreFailedWrite makes a failed write look successful.
func ignoreFailedWrite(struck func()) transport.WrapperFunc {
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

// asWritten returns the response to a write that succeeded.
func asWritten(req *http.Request, code int, contentType string, body []byte) *http.Response {
	return &http.Response{
		StatusCode: code, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// lastWriteWins overwrites ledgers without conflicts: it puts the latest resourceVersion into every write.
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
