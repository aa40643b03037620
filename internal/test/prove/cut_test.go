// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// cut is one call of the story, and what happens to it. The order of calls varies a little from run to run: a cut is the nth
// call of its kind to its object, or, if nth is 0, the call with that number.
type cut struct {
	number int
	call   testkit.Call
	nth    int
	mode   string
	portal bool
}

func (c cut) String() string {
	if c.nth == 0 {
		return fmt.Sprintf("call %d, such as %s, %s", c.number, c.call.String(), c.mode)
	}
	return fmt.Sprintf("call %s, number %d, %s", c.call.String(), c.nth, c.mode)
}

// apply makes a fault happen to the call.
func (c cut) apply(wire *testkit.Wire, fault testkit.Fault) {
	if c.nth == 0 {
		wire.At(c.number, fault)
		return
	}
	count := 0
	wire.When(func(call testkit.Call) bool {
		call.Namespace = ""
		if call != c.call {
			return false
		}
		count++
		return count == c.nth
	}, fault)
}

// What happens to a call. The last one is a crash between a mail server's 250 and its record.
const (
	refused     = "fails before it is sent"
	answerLost  = "arrives, and its answer is lost"
	stopAfter   = "is the manager's last"
	stopInstead = "would be next when the manager stops"
)

var modes = []string{refused, answerLost, stopAfter, stopInstead}

// cleanRun runs the story without faults, once for all harnesses.
func cleanRun(t *testing.T) clean {
	t.Helper()
	c, violations := tellClean()
	if len(violations) > 0 {
		t.Fatalf("the clean run: %v", violations)
	}
	return c
}

var tellClean = sync.OnceValues(func() (c clean, violations []string) {
	h := &harness{}
	h.run("the clean run", func(w *world) {
		w.start()
		w.runStory()
		w.settle()
		c.outcome = w.outcome()
		var strange []string
		var more int
		if c.letters, more, strange = w.letters(); more+len(strange) > 0 {
			w.fail("%d copies of mails, %v", more, strange)
		}
		if w.clockChanges > 0 {
			w.fail("the clock had to be set forward %d times", w.clockChanges)
		}
		for _, call := range w.op.wire.Calls() {
			call.Namespace = ""
			c.calls = append(c.calls, call)
		}
		c.events = map[string]int{}
		for _, kind := range watched {
			c.events[kind] = w.op.wire.Watches(kind).Seen()
		}
		for _, call := range w.portalWire.Calls() {
			call.Namespace = ""
			c.portal = append(c.portal, call)
		}
	})
	return c, h.violations
})

// strike makes the cut happen on a wire.
func (w *world) strike(c cut, wire *testkit.Wire, die func()) {
	var once sync.Once
	injure := func(fault testkit.Fault) testkit.Fault {
		return func(req *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
			once.Do(func() { w.injected.Add(1) })
			return fault(req, send)
		}
	}
	switch c.mode {
	case refused:
		c.apply(wire, injure(testkit.Refused))
	case answerLost:
		c.apply(wire, injure(testkit.AnswerLost))
	case stopAfter:
		c.apply(wire, injure(func(req *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
			defer die()
			return testkit.AnswerLost(req, send)
		}))
	case stopInstead:
		c.apply(wire, injure(func(req *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
			defer die()
			if c.portal { // since a 404 would tell the invitee that the link is unknown
				return testkit.Status(http.StatusInternalServerError, 0)(req, send)
			}
			return testkit.Status(http.StatusNotFound, 0)(req, send)
		}))
	}
}

// Whichever call a manager is cut off at, the next manager reaches the same outcome.
func TestCutPoints(t *testing.T) {
	t.Parallel()
	c := cleanRun(t)
	t.Logf("the story has %d steps, %d writes of the manager's, %d of the portal's, and %d mails", len(story), len(c.calls), len(c.portal), len(c.letters))
	var aroundMails, others []cut
	nth := map[testkit.Call]int{}
	for i, call := range c.calls {
		nth[call]++
		for _, mode := range modes {
			if isInvitationStatus(call) {
				aroundMails = append(aroundMails, cut{call: call, nth: nth[call], mode: mode})
			} else {
				others = append(others, cut{number: i + 1, call: call, mode: mode})
			}
		}
	}
	h := begin(t, "cut points: manager")
	each(append(share(aroundMails, 8), share(others, 6)...), func(k cut) { h.run(k.String(), func(w *world) { w.endsAfter(k, c) }) })
}

// The same applies to the portal: the invitee sees an error page and tries again.
func TestCutPointsOfThePortal(t *testing.T) {
	t.Parallel()
	c := cleanRun(t)
	var all []cut
	for i, call := range c.portal {
		for _, mode := range modes {
			all = append(all, cut{number: i + 1, call: call, mode: mode, portal: true})
		}
	}
	h := begin(t, "cut points: portal")
	each(share(all, 5), func(k cut) { h.run("portal: "+k.String(), func(w *world) { w.endsAfter(k, c) }) })
}

func (w *world) endsAfter(k cut, c clean) {
	w.start()
	// Each mail that is being sent when a manager is stopped may be sent once more; usually that is one mail.
	var copies atomic.Int64
	if k.portal {
		wire := w.portalWire
		w.strike(k, wire, func() {
			wire.Heal()
			wire.When(func(testkit.Call) bool { return true }, testkit.Status(http.StatusInternalServerError, 0))
			w.openPortal(testkit.NewWire())
		})
	} else {
		w.strike(k, w.op.wire, func() {
			copies.Store(max(1, w.underWay()))
			w.op.die()
		})
	}
	w.runStory()
	// Bursts are batched, so runs differ by a call or two. If the call was not made, there was nothing to cut off.
	if w.faults() == 0 && k.nth == 0 && k.number <= len(w.op.wire.Calls()) && !k.portal {
		w.fail("the call was never made")
	}
	w.endsLike(c, int(copies.Load()))
}

// underWay returns how many mails are being sent, or were sent without a record yet: invitations, reminders and expiry notices. It is 0 if it
// cannot read that.
func (w *world) underWay() (n int64) {
	var invitations usherv1.InvitationList
	var members usherv1.MemberList
	if w.api.List(w.ctx, &invitations, client.InNamespace(w.namespace)) != nil || w.api.List(w.ctx, &members, client.InNamespace(w.namespace)) != nil {
		return 0
	}
	for i := range invitations.Items {
		s := &invitations.Items[i].Status
		if s.State == usherv1.InvitationSending {
			n++
		}
		for _, r := range s.Reminders {
			if r.SentAt == nil && r.NextAttemptAt != nil {
				n++
			}
		}
	}
	for i := range members.Items {
		for _, notice := range members.Items[i].Status.EndNotices {
			if notice.State == usherv1.EndNoticeSending {
				n++
			}
		}
		if c := members.Items[i].Status.EmailChange; c != nil {
			for _, mail := range c.Mails {
				if mail.State == usherv1.EndNoticeSending {
					n++
				}
			}
		}
	}
	return n
}

// A manager that does not claim a mail before it sends it sends it again if it cannot record the outcome.
func TestCutPointsNoticeAMissingFence(t *testing.T) {
	t.Parallel()
	c := cleanRun(t)
	h := mutant(t, "mails were sent twice")
	// The first write is the claim, the second the record.
	record := cut{call: c.calls[slices.IndexFunc(c.calls, isInvitationStatus)], nth: 2, mode: refused}
	h.run(record.String(), func(w *world) {
		w.options = append(w.options, func(o *managerOptions) { o.wrap = withoutFence })
		w.endsAfter(record, c)
	})
}

// A portal that thanks the invitee even if its write failed loses an acceptance.
func TestCutPointsOfThePortalNoticeALostAcceptance(t *testing.T) {
	t.Parallel()
	c := cleanRun(t)
	h := mutant(t, "one accepts: not within")
	first := cut{number: 1, call: c.portal[0], mode: refused, portal: true}
	h.run("portal: "+first.String(), func(w *world) {
		violated := make(chan struct{})
		w.violated, w.portalWrap = violated, ignoreFailedWrite(sync.OnceFunc(func() { close(violated) }))
		w.openPortal(w.portalWire)
		w.endsAfter(first, c)
	})
}

func isInvitationStatus(c testkit.Call) bool {
	return c.Resource == "invitations" && c.Subresource == "status"
}
