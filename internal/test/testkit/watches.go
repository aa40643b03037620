// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"maps"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Watches are all watch streams of one resource on a Wire, those that are open and those that will be opened.
//
// They make one cache fall behind, miss events or go back in time, as API servers behind a load balancer can, while the client's other
// calls stay live. All times are wall-clock times.
type Watches struct {
	mu      sync.Mutex
	frozen  bool
	delay   time.Duration
	streams map[*stream]struct{}
	losses  losses
	// wanted reports whether the client gets an object's events; nil: it gets all.
	wanted func(name string) bool
	// group of the resource, known once there was a stream.
	group string
	// told has the last state that clients were sent, by UID.
	told     map[string]told
	activity *activity
}

// Open returns the number of open streams.
func (w *Watches) Open() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.streams)
}

// Freeze keeps all events back until Thaw; the streams stay open.
func (w *Watches) Freeze() { w.set(func() { w.frozen = true }) }

// Thaw delivers the events that were kept back, and all later ones as they arrive.
func (w *Watches) Thaw() { w.set(func() { w.frozen = false }) }

// Delay delivers every event that arrives from now on that much later; 0 ends it.
func (w *Watches) Delay(d time.Duration) { w.set(func() { w.delay = d }) }

// Only hides all objects whose names do not match, in lists and in watches: for cluster-scoped objects of other tests. Call it before
// the first stream.
func (w *Watches) Only(match func(name string) bool) { w.set(func() { w.wanted = match }) }

// wants reports whether clients get an object's events.
func (w *Watches) wants(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wanted == nil || w.wanted(name)
}

// Drop ends the open streams with 410 Expired and loses what they kept back; the client has to list again.
func (w *Watches) Drop() { w.each((*stream).drop) }

// Rewind undoes the last n events and freezes: objects return to their earlier state, new ones disappear, deleted ones reappear, as if
// the client had been redirected to an API server that lags. Thaw delivers the n events again. If the stream never had an object's
// earlier state, the object does not change.
func (w *Watches) Rewind(n int) {
	w.set(func() { w.frozen = true })
	w.each(func(s *stream) { s.rewind(n) })
}

func (w *Watches) set(change func()) {
	w.mu.Lock()
	change()
	w.mu.Unlock()
	w.each((*stream).wake)
}

func (w *Watches) each(do func(*stream)) {
	w.mu.Lock()
	streams := make([]*stream, 0, len(w.streams))
	for s := range w.streams {
		streams = append(streams, s)
	}
	w.mu.Unlock()
	for _, s := range streams {
		do(s)
	}
}

// state returns the current settings for streams.
func (w *Watches) state() (frozen bool, delay time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.frozen, w.delay
}

func (w *Watches) remove(s *stream) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.streams, s)
}

// open requests the stream as JSON, the only framing that this package reads, and wraps it.
func (w *Watches) open(of Call, req *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	req.Header.Set("Accept", jsonOnly(req.Header.Get("Accept")))
	answer, err := send()
	if err != nil || answer.StatusCode != http.StatusOK {
		return answer, err
	}
	s := newStream(w, answer.Body, req.URL.Query().Get("sendInitialEvents") == "true")
	w.mu.Lock()
	w.streams[s] = struct{}{}
	w.group = of.Group
	if s.listing {
		maps.DeleteFunc(w.told, func(_ string, t told) bool { return of.Namespace == "" || t.namespace == of.Namespace })
	}
	w.mu.Unlock()
	go s.pump()
	answer.Body = s
	return answer, nil
}

// jsonOnly replaces every media type by JSON and keeps its parameters, such as as=PartialObjectMetadata.
func jsonOnly(accept string) string {
	var out []string
	for part := range strings.SplitSeq(accept, ",") {
		if _, params, err := mime.ParseMediaType(part); err == nil {
			delete(params, "stream")
			out = append(out, mime.FormatMediaType("application/json", params))
		}
	}
	return strings.Join(out, ",")
}
