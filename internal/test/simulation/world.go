// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/store"
)

// epoch is the time at which every schedule begins.
var epoch = time.Date(2031, time.March, 14, 9, 26, 53, 0, time.UTC)

// operators is the number of operators, which run without leader election.
const operators = 2

// Options change what is simulated; the zero value is Usher as it is.
type Options struct {
	// Without are rules that the API server does not have.
	Without []Rule
	// Unlocked are kinds, by resource, whose status is replaced whatever resourceVersion the write carries.
	Unlocked []string
	// Deaf reports whether a controller gets no events of a resource.
	Deaf func(changed, controller string) bool
	// Wrap, WrapPortal and WrapSender stand between an operator and its clients; nil for nothing.
	Wrap       func(ClientSite, client.Client) client.Client
	WrapPortal func(ClientSite, client.Client) client.Client
	WrapSender func(ClientSite, channel.Channel) channel.Channel
	// Forgetful operators forget what became of a mail as soon as they could not record it.
	Forgetful bool
	// Trace gets a line for everything that happens; nil for none.
	Trace io.Writer
	// Coroutines are the coroutines to use; nil for new ones.
	Coroutines *Coroutines

	checkPatch  func(client.Object, client.Patch)
	checkCommit func(change)
}

// ClientSite is where a wrapper is: at one operator's live or cached client.
type ClientSite struct {
	Operator int
	Live     bool
	// Cached reads from the operator's caches, Keys are its own.
	Cached client.Reader
	Keys   invite.Keyring
	// Memory is the operator's: a crash clears it.
	Memory map[string]any
}

// Violation is a promise that was broken.
type Violation struct {
	// Promise is its name.
	Promise string
	// Step is the number of steps until then. Calm: it happened after the last step.
	Step int
	Calm bool
	What string
}

func (v *Violation) Error() string {
	when := fmt.Sprintf("at step %d", v.Step)
	if v.Calm {
		when = "in the calm"
	}
	return fmt.Sprintf("%s %s: %s", v.Promise, when, v.What)
}

type indexName struct {
	kind  kind
	field string
}

var indexes = func() map[indexName]client.IndexerFunc {
	all := map[indexName]client.IndexerFunc{}
	for _, i := range store.Indexes() {
		all[indexName{kindOf(i.Object), i.Field}] = i.Values
	}
	return all
}()

// world is one run.
type world struct {
	options    Options
	schedule   Schedule
	coroutines *Coroutines
	indexes    map[indexName]client.IndexerFunc

	api   *API
	clock time.Duration
	ops   [operators]*operator
	// running is the task that runs, and actor the task whose call is being performed; nil for the admin.
	running, actor *task

	serverDown bool
	backup     *backup
	// granted is what members must have again in the end; nil for nothing.
	granted   *grants
	inbox     []*delivered
	announced []*announcement
	// changeMails are the mails about changes of addresses.
	changeMails []*changeMail
	// passwordMails are the mails about passwords, and passwords those that members have set with a link, by the members' names.
	passwordMails []*passwordMail
	passwords     map[string]string
	// refusedMails are the Message-IDs of mails that the server refused, of whatever kind.
	refusedMails map[string]bool
	// knownBy is who knows that the mail server has a mail, by Message-ID: the process that sent it last, unless the answer was lost.
	knownBy   map[string]life
	refusedAt map[refusedLink]int
	pastFacts pastFacts

	steps, writes int
	counts        Counts
	calm          bool
	violation     *Violation
	digest        uint64
}

// tokenKey is the key that links are signed with.
var tokenKey = bytes.Repeat([]byte{7}, invite.KeyLength)

func newWorld(o Options, s Schedule) *world {
	w := &world{
		options: o, schedule: s, coroutines: o.Coroutines, indexes: indexes, digest: fnv64(0, "usher"), knownBy: map[string]life{},
		refusedMails: map[string]bool{}, passwords: map[string]string{},
	}
	if w.coroutines == nil {
		w.coroutines = &Coroutines{}
	}
	without := map[Rule]bool{}
	for _, rule := range o.Without {
		without[rule] = true
	}
	w.api = &API{now: w.now, without: without, unlocked: o.Unlocked, committed: w.committed}
	w.pastFacts = newPastFacts()
	for i := range w.ops {
		w.ops[i] = &operator{world: w, id: i}
	}
	w.make(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: tokenSecret.Namespace, Name: tokenSecret.Name},
		Data:       map[string][]byte{"current": tokenKey},
	})
	return w
}

// make creates an object as the admin.
func (w *world) make(o client.Object) bool { return w.api.Create(o) == nil }

func (w *world) now() time.Time { return epoch.Add(w.clock) }

// await yields to the world before a call, and returns the call's fault.
func (w *world) await(p pending) Fault {
	t := w.running
	if t == nil {
		panic("a call outside of any task: " + p.verb)
	}
	t.pending, t.fault = p, None
	t.coroutine.wait()
	return t.fault
}

// cacheRead is called before a read from a cache, at which only a fine schedule waits.
func (w *world) cacheRead(k kind) {
	if w.schedule.Fine && w.running != nil {
		w.await(pending{verb: "cacheRead", kind: k})
	}
}

// run continues a task up to its next call or its end.
func (w *world) run(t *task, resume func()) {
	w.running = t
	resume()
	w.running = nil
	w.drainWakeups(t.op)
	if t.coroutine.busy {
		return
	}
	if t.coroutine.failure != "" {
		w.violated("no-panic", "%s %s: %s", onNames[t.on], t.key.Name, t.coroutine.failure)
	}
	o := t.op
	if w.options.Forgetful {
		o.forget()
	}
	for i := range o.tasks {
		if o.tasks[i] == t {
			o.tasks = append(o.tasks[:i], o.tasks[i+1:]...)
			break
		}
	}
	w.coroutines.give(t.coroutine)
	if t.on == visits {
		w.note("op%d visit %s ends with %d %s", o.id, t.key.Name, t.visit.status, t.visit.location)
		w.checkVisit(t)
		return
	}
	if w.options.Trace != nil {
		w.note("op%d %s %s ends: %v %v", o.id, onNames[t.on], t.key.Name, t.result.RequeueAfter, t.err)
	}
	o.queues[t.on].done(t.key, w.clock, t.result.RequeueAfter, t.err != nil)
}

// proceed performs the call that a task waits for.
func (w *world) proceed(t *task, fault Fault) {
	w.counts.Calls++
	if leaves := t.pending.verb != "mail" && t.pending.verb != "probe" && t.pending.verb != "cacheRead"; leaves && w.clock < t.op.away {
		fault = Refused
	}
	if fault != None && t.mail != "" {
		w.interrupted(t)
	}
	w.run(t, func() {
		if w.options.Trace != nil {
			w.note("op%d %s %s: %s %s %s %s", t.op.id, onNames[t.on], t.key.Name, t.pending.verb, t.pending.kind, t.pending.name, fault)
		}
		t.fault = fault
		t.coroutine.resume()
	})
}

// close kills the tasks that are still waiting.
func (w *world) close() {
	for _, o := range w.ops {
		if o.up {
			o.crash()
		}
	}
	if w.options.Coroutines == nil {
		w.coroutines.Close()
	}
}

func (w *world) violated(promise, format string, args ...any) {
	if w.violation == nil {
		w.violation = &Violation{Promise: promise, Step: w.steps, Calm: w.calm, What: fmt.Sprintf(format, args...)}
		w.note("VIOLATION %v", w.violation)
	}
}

func (w *world) note(format string, args ...any) {
	if w.options.Trace != nil {
		fmt.Fprintf(w.options.Trace, "%12s  %s\n", w.clock, fmt.Sprintf(format, args...))
	}
}

// remember adds what happened to the run's digest.
func (w *world) remember(what string) { w.digest = fnv64(w.digest, what) }

func fnv64(sum uint64, text string) uint64 {
	if sum == 0 {
		h := fnv.New64a()
		_, _ = h.Write([]byte(text))
		return h.Sum64()
	}
	const prime = 1099511628211
	for i := range len(text) {
		sum = (sum ^ uint64(text[i])) * prime
	}
	return sum
}
