// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// remembered is how many events a stream keeps for Rewind.
const remembered = 1024

// expired is the error of an API server that no longer has the requested revisions.
const expired = `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",` +
	`"message":"too old resource version, as the test wants it","reason":"Expired","code":410}}` + "\n"

// frame is one event of a watch stream.
type frame struct {
	Type   string          `json:"type"`
	Object json.RawMessage `json:"object"`

	told
	uid string
	due time.Time
}

// stream is the body of one watch: a pump reads events from the API server as they arrive, and Read delivers them as Watches says.
type stream struct {
	watches  *Watches
	upstream io.ReadCloser

	mu      sync.Mutex
	changed *sync.Cond
	waiting []frame // not delivered yet
	past    []frame // delivered
	partial []byte  // the rest of an event that a Read has started
	ended   error   // why the pump ended
	closed  bool

	listing bool // the pump is still reading the initial list
}

func newStream(w *Watches, upstream io.ReadCloser, listing bool) *stream {
	s := &stream{watches: w, upstream: upstream, listing: listing}
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *stream) pump() {
	in := json.NewDecoder(s.upstream)
	for {
		var f frame
		err := in.Decode(&f)
		f.uid, f.told = identityOf(f.Object)
		switch {
		case err != nil:
		case f.Type == "BOOKMARK": // the first one ends the listing
			s.listing = false
		case !s.watches.wants(f.name):
			continue
		case !s.listing && s.watches.loses(Event{f.Type, f.name}):
			s.watches.tell(f)
			continue
		}
		_, delay := s.watches.state()
		s.mu.Lock()
		if err != nil {
			s.ended = err
		} else {
			f.due = time.Now().Add(delay)
			s.waiting = append(s.waiting, f)
		}
		s.changed.Broadcast()
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Read waits for the next event that may be delivered.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.partial) == 0 {
		if s.closed {
			return 0, io.EOF
		}
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.partial)
	s.partial = s.partial[n:]
	return n, nil
}

// next returns the next event, or waits for a change; its caller holds the lock.
func (s *stream) next() error {
	frozen, _ := s.watches.state()
	switch {
	case frozen:
		s.changed.Wait()
	case len(s.waiting) == 0 && s.ended != nil:
		return s.ended
	case len(s.waiting) == 0:
		s.changed.Wait()
	case time.Until(s.waiting[0].due) > 0:
		timer := time.AfterFunc(time.Until(s.waiting[0].due), s.wake)
		s.changed.Wait()
		timer.Stop()
	default:
		f := s.waiting[0]
		s.waiting = s.waiting[1:]
		if f.Type != "BOOKMARK" {
			s.past = append(s.past, f)
			s.past = s.past[max(0, len(s.past)-remembered):]
		}
		s.emit(f)
	}
	return nil
}

// emit makes an event available to Read; its caller holds the lock.
func (s *stream) emit(f frame) {
	if f.Type != "BOOKMARK" {
		s.watches.tell(f)
		s.watches.activity.stir()
	}
	s.partial = fmt.Appendf(s.partial, "{\"type\":%q,\"object\":%s}\n", f.Type, f.Object)
}

func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
}

func (s *stream) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partial = append(s.partial, expired...)
	s.closed = true
	s.watches.remove(s)
	_ = s.upstream.Close() // ends the pump
	s.changed.Broadcast()
}

func (s *stream) rewind(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n = min(n, len(s.past))
	before, undone := s.past[:len(s.past)-n], s.past[len(s.past)-n:]

	done := map[string]bool{}
	for _, f := range undone {
		if done[f.uid] {
			continue // the oldest undone event of an object determines its earlier state
		}
		done[f.uid] = true
		if old, known := asBefore(before, f); known {
			s.emit(old)
		}
	}
	s.waiting = append(append([]frame(nil), undone...), s.waiting...)
	s.past = before
	s.changed.Broadcast()
}

// asBefore returns the event that undoes f, given the events before it.
func asBefore(before []frame, f frame) (frame, bool) {
	for i := len(before) - 1; i >= 0; i-- {
		if before[i].uid != f.uid {
			continue
		}
		old := before[i]
		old.Type = "MODIFIED"
		if f.Type == "DELETED" {
			old.Type = "ADDED"
		}
		return old, true
	}
	if f.Type == "ADDED" {
		f.Type = "DELETED"
		return f, true
	}
	return frame{}, false
}

// Close is called by the client to end the stream.
func (s *stream) Close() error {
	s.watches.remove(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.changed.Broadcast()
	return s.upstream.Close()
}

func identityOf(object json.RawMessage) (uid string, as told) {
	var o struct {
		Metadata struct {
			UID             string `json:"uid"`
			Namespace       string `json:"namespace"`
			Name            string `json:"name"`
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	if json.Unmarshal(object, &o) != nil {
		return "", told{}
	}
	return o.Metadata.UID, told{o.Metadata.Namespace, o.Metadata.Name, o.Metadata.ResourceVersion}
}
