// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package undecodable

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

type tolerant struct{}

// Tolerant returns a context for requests whose answers are decoded object by object.
func Tolerant(ctx context.Context) context.Context { return context.WithValue(ctx, tolerant{}, true) }

// Transport repairs the answers to requests with a Tolerant context, and leaves all others as they are.
func Transport(next http.RoundTripper) http.RoundTripper { return transport{next} }

type transport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err != nil || request.Context().Value(tolerant{}) == nil || response.StatusCode != http.StatusOK {
		return response, err //nolint:wrapcheck // it is no error of this transport
	}
	if media, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err != nil || !strings.HasPrefix(media, "application/json") {
		return response, nil
	}
	if request.URL.Query().Get("watch") != "" {
		response.Body = repairStream(response.Body)
		return response, nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer to decode it object by object: %w", err)
	}
	body = repairAnswer(body)
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	response.Header.Del("Content-Length")
	return response, nil
}

// repairAnswer repairs an object, or each item of a list.
func repairAnswer(body []byte) []byte {
	var list map[string]json.RawMessage
	var items []json.RawMessage
	if json.Unmarshal(body, &list) != nil || list["items"] == nil || json.Unmarshal(list["items"], &items) != nil {
		return repair(body)
	}
	for i := range items {
		items[i] = repair(items[i])
	}
	var err error
	if list["items"], err = json.Marshal(items); err != nil {
		return body
	}
	repaired, err := json.Marshal(list)
	if err != nil {
		return body
	}
	return repaired
}

// event is one event of a watch.
type event struct {
	Type   string          `json:"type"`
	Object json.RawMessage `json:"object"`
}

// stream is the body of a watch whose events are repaired.
type stream struct {
	*io.PipeReader
	upstream io.Closer
}

// Close ends the watch.
func (s stream) Close() error {
	return errors.Join(s.PipeReader.Close(), s.upstream.Close())
}

func repairStream(upstream io.ReadCloser) io.ReadCloser {
	reader, writer := io.Pipe()
	go func() {
		in, out := json.NewDecoder(upstream), json.NewEncoder(writer)
		for {
			var e event
			err := in.Decode(&e)
			if err == nil {
				e.Object = repair(e.Object)
				err = out.Encode(e)
			}
			if err != nil {
				writer.CloseWithError(err) // never fails
				return
			}
		}
	}()
	return stream{reader, upstream}
}

// undecoded reports whether a request failed because its answer could not be decoded: neither the API server refused it, nor was it
// unreachable.
func undecoded(ctx context.Context, err error) bool {
	var status apierrors.APIStatus
	var unreachable *url.Error
	return err != nil && ctx.Err() == nil && !errors.As(err, &status) && !errors.As(err, &unreachable)
}
