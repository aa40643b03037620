// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"net/http"
	"sync"

	"k8s.io/client-go/rest"
)

// Wire sits between one client and the API server. It records the client's mutating calls, and disturbs calls and watches on
// request. Use one Wire per operator under test:
//
//	wire := testkit.NewWire()
//	mgr, err := ctrl.NewManager(wire.Attach(server.Config()), ctrl.Options{})
//	…
//	wire.At(3, testkit.AnswerLost)             // the third write arrives, but its response does not
//	wire.Watches("members").Freeze()           // the cache falls behind
//	Consistently(wire.Calls).Should(BeEmpty()) // quiet
//
// A Wire counts mutating calls without housekeeping: leases, events and reviews occur at any time, and the numbers of the other
// calls should be the same in every run.
type Wire struct {
	mu      sync.Mutex
	calls   []Call
	faults  []rule
	struck  int
	watches map[string]*Watches

	activity activity
}

// rule applies a fault to the calls that match.
type rule struct {
	wants func(number int, c Call) bool
	fault Fault
}

// NewWire returns a Wire that disturbs nothing.
func NewWire() *Wire {
	heart()
	w := &Wire{watches: map[string]*Watches{}}
	w.Stir()
	return w
}

// Attach returns a copy of the configuration whose clients go over this Wire.
func (w *Wire) Attach(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &transport{wire: w, next: next} })
	return config
}

// Calls returns the mutating calls so far, in the order in which the client started them; call number i is Calls()[i-1].
func (w *Wire) Calls() []Call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Call(nil), w.calls...)
}

// Struck returns how many calls have had a fault so far.
func (w *Wire) Struck() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.struck
}

// Forget restarts the count: the next mutating call is number 1.
func (w *Wire) Forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = nil
}

// At applies a fault to mutating call number i, from 1.
func (w *Wire) At(i int, fault Fault) {
	w.add(func(number int, _ Call) bool { return number > 0 && number == i }, fault)
}

// When applies a fault to every call that matches: reads, writes and housekeeping. It does not apply to discovery, or to watches,
// for which there is Watches.
func (w *Wire) When(match func(Call) bool, fault Fault) {
	w.add(func(_ int, c Call) bool { return match(c) }, fault)
}

// Heal ends all faults, and held calls continue. It does not change watches.
func (w *Wire) Heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = nil
}

// Watches returns the watches of a resource, such as members.
func (w *Wire) Watches(resource string) *Watches {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.watches[resource] == nil {
		w.watches[resource] = &Watches{streams: map[*stream]struct{}{}, told: map[string]told{}, activity: &w.activity}
	}
	return w.watches[resource]
}

func (w *Wire) add(wants func(int, Call) bool, fault Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, rule{wants, fault})
}

// note counts the call and returns the first fault that applies to it, or nil.
func (w *Wire) note(c Call) Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	number := 0
	if c.Mutating() && !c.Housekeeping() {
		w.calls = append(w.calls, c)
		number = len(w.calls)
	}
	for _, r := range w.faults {
		if r.wants(number, c) {
			w.struck++
			return r.fault
		}
	}
	return nil
}

// transport is a Wire in front of one client's transport.
type transport struct {
	wire *Wire
	next http.RoundTripper
}

// WrappedRoundTripper lets client-go find the transport below, to close idle connections.
func (t *transport) WrappedRoundTripper() http.RoundTripper { return t.next }

// RoundTrip sends the request with the Wire's faults.
func (t *transport) RoundTrip(original *http.Request) (*http.Response, error) {
	req := original.Clone(original.Context()) // a RoundTripper must not change its request
	call, err := callOf(req)
	if err != nil {
		return nil, err
	}
	send := func() (*http.Response, error) { return t.next.RoundTrip(req) }
	switch {
	case call.Verb == "watch":
		return t.wire.Watches(call.Resource).open(call, req, send)
	case call.Resource == "": // discovery, health
		return send()
	}
	fault := t.wire.note(call)
	if fault == nil {
		fault = undisturbed
	}
	if call.Resource == "leases" { // renewed all the time
		return fault(req, send)
	}
	defer t.wire.activity.begin(call.Mutating())()
	return fault(req, send)
}

func undisturbed(_ *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	return send()
}
