// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/channel/factory"
	"github.com/usher-dev/usher/internal/controller"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/outbox"
	"github.com/usher-dev/usher/internal/portal"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

// The namespaces of the operators' own Secrets and of everything else.
const (
	home      = "usher-system"
	namespace = "acme"
)

var (
	smtpSecret  = types.NamespacedName{Namespace: home, Name: "usher-smtp"}
	tokenSecret = types.NamespacedName{Namespace: home, Name: "usher-token-key"}
)

const portalURL = "https://usher.example"

// workers is the number of objects that one controller reconciles at once.
const workers = 3

// mailWorkers is the number of mails that one operator sends at once: so many that a slot seldom keeps two operators from sending at once.
const mailWorkers = 32

// recordTries is how often an operator tries to write the outcome of a mail. No time passes in between.
const recordTries = 3

// quiet is the context of all work; its logger discards everything.
var quiet = log.IntoContext(context.Background(), logr.Discard())

// operator is one process: the controllers and a portal, with caches, queues and memory of their own.
type operator struct {
	world *world
	id    int
	up    bool
	// ahead is how far its clock is ahead; below 0 if it is behind.
	ahead time.Duration

	caches  [kinds]cache
	queues  [kinds]queue
	tasks   []*task
	watches [kinds][]watch // by the kind that is watched

	reconcilers [kinds]reconcile.Reconciler
	controllers []reconciler.Controller
	endpoints   *outbox.Endpoints
	keys        *store.KeyStore
	live        client.Client
	cached      client.Client
	portal      *portal.Portal
	// memory is what wrappers store until a crash.
	memory map[string]any
	// forget makes the outbox anew, without what it knows.
	box    *outbox.Outbox
	forget func()
	// starts counts how often the process was started. Until away, the API server refuses its calls.
	starts int
	away   time.Duration
}

// life is one run of an operator's process.
type life struct{ operator, start int }

func (o *operator) life() life { return life{o.id, o.starts} }

// watch tells a controller of changes.
type watch struct {
	controller kind
	keys       func(ctx context.Context, before, after client.Object) []types.NamespacedName
	delay      time.Duration
}

// start starts the process. Its first lists lag behind by that many changes.
func (o *operator) start(behind int) {
	w := o.world
	o.up, o.portal, o.memory = true, nil, map[string]any{}
	o.starts, o.away = o.starts+1, 0
	// The key ring holds a lock while it reads, so its reads must not wait.
	direct := &directClient{api: w.api}
	o.keys = &store.KeyStore{Reader: direct, Writer: direct, Now: o.now, Secret: tokenSecret}
	o.live = w.wrap(o, &wire{world: w, op: o, live: true})
	o.cached = w.wrap(o, &wire{world: w, op: o})
	o.endpoints = w.endpointsOf(o)

	o.box = &outbox.Outbox{}
	base := reconciler.Base{Client: o.cached, Live: o.live, Accounts: &store.RecentAccounts{Live: o.live}, Recorder: silence{}, Now: o.now}
	o.forget = func() {
		*o.box = outbox.Outbox{
			Client: base.Client, Live: base.Live, Now: base.Now, Channel: w.wrapSender(o, &mailServer{world: w}), Endpoints: o.endpoints,
			Backoff:          wait.Backoff{Steps: recordTries},
			TenantWording:    true,
			NoLeaseExtension: true, // the clock does not pass the end of a conversation: see pass
		}
	}
	o.forget()
	o.controllers = controller.All(controller.Dependencies{
		Base: base, Outbox: o.box, Keys: o.keys, PortalURL: portalURL, MailWorkers: mailWorkers,
	})

	o.watches = [kinds][]watch{}
	for _, c := range o.controllers {
		k := kindOfController[c.Name]
		o.reconcilers[k] = c.Reconciler
		if c.For != nil {
			on := kindOf(c.For)
			o.watches[on] = append(o.watches[on], watch{controller: k, keys: itself(c)})
		}
	}
	for _, c := range o.controllers {
		k := kindOfController[c.Name]
		for _, watched := range c.AllWatches() {
			on := kindOf(watched.Object)
			if deaf := w.options.Deaf; deaf != nil && deaf(on.String(), k.String()) {
				continue
			}
			o.watches[on] = append(o.watches[on], watch{k, keysOf(watched.Map), watched.Delay})
		}
	}

	o.queues = [kinds]queue{}
	for k := range o.caches {
		o.caches[k] = cache{kind: kind(k)}
	}
	// All caches are filled before any controller hears of a change, as in a manager.
	var told []func()
	for k := range o.caches {
		at := max(0, len(w.api.logs[k])-behind)
		o.caches[k].relist(w.api, at, func(before, after client.Object) {
			told = append(told, func() { o.tell(kind(k), before, after) })
		})
	}
	for _, tell := range told {
		tell()
	}
}

// keysOf returns a mapping that does not fail: it reads caches only, which do not fail in the simulation.
func keysOf(mapping reconciler.Mapping) func(ctx context.Context, before, after client.Object) []types.NamespacedName {
	return func(ctx context.Context, before, after client.Object) []types.NamespacedName {
		keys, err := mapping(ctx, before, after)
		if err != nil {
			panic(err)
		}
		return keys
	}
}

// itself maps a change of an object that a controller reconciles.
func itself(c reconciler.Controller) func(ctx context.Context, before, after client.Object) []types.NamespacedName {
	return func(_ context.Context, before, after client.Object) []types.NamespacedName {
		if !c.ConcernedBy(before, after) {
			return nil
		}
		return []types.NamespacedName{client.ObjectKeyFromObject(reconciler.Present(before, after))}
	}
}

// tell puts the keys into the queues that the watches map a change to.
func (o *operator) tell(k kind, before, after client.Object) {
	for _, w := range o.watches[k] {
		for _, key := range w.keys(quiet, before, after) {
			o.queues[w.controller].add(key, o.world.clock+w.delay)
		}
	}
}

// kindOfController is the kind whose queue a controller has, by the controller's name.
var kindOfController = map[string]kind{
	"account": accounts, "seatpool": pools, "member": members, "invitation": invitations, "plan": plans, "mailserver": secrets,
	"expirynotice": expiryNotices, "accountaccess": accountAccess, "emailchange": emailChanges,
	"passwordreset": passwordResets,
}

// endpointsOf returns endpoints that both operators share while one of them runs. With endpoints of its own, each operator would overwrite
// the other's MailReady from the time that their probes differ until the next probe: see doc.go.
func (w *world) endpointsOf(o *operator) *outbox.Endpoints {
	for _, other := range w.ops {
		if other != o && other.up {
			other.endpoints.Live = o.live
			return other.endpoints
		}
	}
	return outbox.NewEndpoints(o.live, factory.Parse, smtpSecret, mailWorkers)
}

// hear adds the objects that an operator's controllers ask each other to reconcile to the queues.
func (w *world) drainWakeups(o *operator) {
	for _, c := range o.controllers {
		if c.Wakeups == nil {
			continue
		}
		for _, key := range c.Wakeups.Drain() {
			w.enqueue(kindOfController[c.Name], key)
		}
	}
}

func (w *world) enqueue(k kind, key types.NamespacedName) {
	for _, o := range w.ops {
		if o.up {
			o.queues[k].add(key, w.clock)
		}
	}
}

// crash drops everything that is not stored.
func (o *operator) crash() {
	for _, t := range o.tasks {
		o.world.interrupted(t)
		t.coroutine.kill()
		o.world.coroutines.give(t.coroutine)
	}
	o.tasks, o.up = nil, false
	o.caches, o.queues = [kinds]cache{}, [kinds]queue{}
}

func (o *operator) busy(k kind) int {
	n := 0
	for _, t := range o.tasks {
		if t.on == k {
			n++
		}
	}
	return n
}

func (o *operator) task(k kind, name string) *task {
	for _, t := range o.tasks {
		if t.on == k && t.key.Name == name {
			return t
		}
	}
	return nil
}

// task is work that waits for a call.
type task struct {
	op        *operator
	on        kind
	key       types.NamespacedName
	coroutine *coroutine
	// pending is the call that it waits for, and fault what happens to the call.
	pending pending
	fault   Fault
	// began is the step at which it began.
	began int
	// endBy is a time that the clock does not pass until the task ends; 0 for none.
	endBy time.Duration
	// mail is what it delivered; empty if nothing.
	mail  string
	visit *visit
	facts facts
	// claimed is what it has claimed to send about a password.
	claimed claimedMail

	result ctrl.Result
	err    error
}

// pending is a call before it is made.
type pending struct {
	verb string
	kind kind
	name string
}

// begin starts work on what on and key say.
func (o *operator) begin(t *task, work func()) {
	t.op, t.began, t.coroutine = o, o.world.steps, o.world.coroutines.take()
	o.tasks = append(o.tasks, t)
	o.world.refreshTask(t)
	o.world.run(t, func() { t.coroutine.start(work) })
}

// reconcile starts a reconcile of a key that is ready.
func (o *operator) reconcile(k kind, key types.NamespacedName) {
	i := o.queues[k].item(key)
	i.queued, i.working = false, true
	t := &task{on: k, key: key}
	o.begin(t, func() {
		t.result, t.err = o.reconcilers[k].Reconcile(quiet, reconcile.Request{NamespacedName: key})
	})
}

// silence is a recorder that drops all Events.
type silence struct{}

func (silence) Eventf(runtime.Object, runtime.Object, string, string, string, string, ...any) {}

// keyring returns the key ring of the portal and the senders.
func (o *operator) keyring(ctx context.Context) (invite.Keyring, error) { return o.keys.Get(ctx) }

var _ channel.Channel = (*mailServer)(nil)
