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

// Watches are all the watch streams of one resource on a Wire, those open now and those to come.
//
// They make one cache fall behind, miss things or go back in time, as an API server behind a load balancer can, while the
// client's other calls stay live. Time here is the wall clock's.
type Watches struct {
	mu      sync.Mutex
	frozen  bool
	delay   time.Duration
	streams map[*stream]struct{}
	losses  losses
	// wanted reports which objects the client hears of; nil: all.
	wanted func(name string) bool
	// group of the resource, known once there was a stream.
	group string
	// told is what clients were last told, by UID.
	told     map[string]told
	activity *activity
}

// Open is how many streams there are.
func (w *Watches) Open() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.streams)
}

// Freeze keeps all events back until Thaw; the streams stay open.
func (w *Watches) Freeze() { w.set(func() { w.frozen = true }) }

// Thaw delivers what was kept back, and from then on as it comes.
func (w *Watches) Thaw() { w.set(func() { w.frozen = false }) }

// Delay delivers every event that arrives from now on that much later; 0 ends it.
func (w *Watches) Delay(d time.Duration) { w.set(func() { w.delay = d }) }

// Only has clients hear of no other objects than those whose names match wants: of cluster-scoped ones that belong to other tests, in
// lists as in watches. Call it before the first stream.
func (w *Watches) Only(match func(name string) bool) { w.set(func() { w.wanted = match }) }

// wants reports whether clients hear of an object.
func (w *Watches) wants(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wanted == nil || w.wanted(name)
}

// Drop ends the open streams with 410 Expired and loses what they kept back; the client has to list again.
func (w *Watches) Drop() { w.each((*stream).drop) }

// Rewind takes the last n events back and freezes: objects go to what they were before, new ones vanish, deleted ones are there
// again, as if the client had been sent to an API server that lags. Thaw delivers the n events again. An object whose state
// before is not known, as the stream never showed it, stays as it is.
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

// state is what holds for streams now.
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

// open asks for the stream in JSON, the only framing that is read here, and puts itself between.
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

// jsonOnly turns every media type into JSON and keeps its parameters, such as as=PartialObjectMetadata.
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
