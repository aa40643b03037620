// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/crypto/bcrypt"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/transport"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal"
	"github.com/usher-dev/usher/internal/store"
	"github.com/usher-dev/usher/internal/test/prove"
	"github.com/usher-dev/usher/internal/test/testkit"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

const (
	smtpSecret  = "usher-smtp"
	tokenSecret = "usher-token-key"
	portalURL   = "https://invite.acme.example"
	base        = "acme-base"
	addOn       = "acme-pipelines"

	// timeout is how long anything may take that does not wait for a clock.
	timeout = 90 * time.Second
	// shortTimeout is the timeout for what is known not to happen.
	shortTimeout = 10 * time.Second
	// idleTime is how long a manager that has received all changes must be idle to count as done: longer than it batches bursts.
	idleTime = 400 * time.Millisecond
	// pollInterval is the default of world.pollInterval.
	pollInterval = 100 * time.Millisecond
	// checkInterval is the least time between two checks: changes come in bursts, and each check costs reads.
	checkInterval = 25 * time.Millisecond
)

// world is one run's namespace, with a manager, a portal, a mail server and a clock of its own. Its methods panic with failed.
type world struct {
	name       string
	ctx        context.Context
	end        context.CancelFunc
	namespace  string
	planned    bool
	plans      []string // to delete with the world
	api        client.WithWatch
	clock      clock
	sink       *smtpsink.Sink
	smtp       atomic.Pointer[smtpsink.Script]
	history    *prove.History
	portal     *portal.Portal
	portalWire *testkit.Wire
	// portalWrap wraps the portal's transport, for mutants.
	portalWrap transport.WrapperFunc
	// slow is how much the portal's clock is behind.
	slow     time.Duration
	visitors int
	// backup has what a step of the story deletes, and the next one restores.
	backup []client.Object
	// op is the running manager; options apply to managers that start from now on.
	op       *operator
	ops      []*operator
	options  []func(*managerOptions)
	injected atomic.Int64
	timeout  time.Duration
	// pollInterval is how often a condition is checked that no History event announces.
	pollInterval time.Duration
	// violated is closed once a mutant has caused its violation, so that nothing waits any longer.
	violated <-chan struct{}
	// clockChanges counts how often the clock was set forward for a member or mail that waited.
	clockChanges int
}

func (w *world) fail(format string, args ...any) { panic(failed(fmt.Sprintf(format, args...))) }

func (w *world) must(err error, doing string) {
	if err != nil {
		w.fail("%s: %v", doing, err)
	}
}

func (w *world) build(ctx context.Context) {
	var err error
	w.ctx, w.end = context.WithCancel(ctx)
	w.namespace, err = server.Namespace(ctx, "prove")
	w.must(err, "create a namespace")
	w.api, err = client.NewWithWatch(server.Config(), client.Options{Scheme: testkit.Scheme()})
	w.must(err, "create a client")
	w.history, err = prove.Record(w.ctx, w.api, w.namespace)
	w.must(err, "record the history")
	w.sink, err = smtpsink.Start(smtpsink.Options{Script: func(e smtpsink.Event) smtpsink.Answer {
		if script := w.smtp.Load(); script != nil && *script != nil {
			return (*script)(e)
		}
		return smtpsink.Answer{}
	}})
	w.must(err, "start a mail server")
	w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: smtpSecret}, Data: w.sink.Secret("Acme <no-reply@acme.example>")})
	w.portalWire = testkit.NewWire()
	w.openPortal(w.portalWire)
}

// setSMTP sets the mail server's script; nil means correct replies.
func (w *world) setSMTP(script smtpsink.Script) { w.smtp.Store(&script) }

// openPortal starts a portal that reaches the API server over a wire.
func (w *world) openPortal(wire *testkit.Wire) {
	config := wire.Attach(portalUser.Config())
	if w.portalWrap != nil {
		config.Wrap(w.portalWrap)
	}
	api, err := client.New(config, client.Options{Scheme: testkit.Scheme()})
	w.must(err, "make the portal's client")
	now := func() time.Time { return w.clock.Now().Add(-w.slow) }
	keys := &store.KeyStore{Reader: api, Now: now, Secret: types.NamespacedName{Namespace: w.namespace, Name: tokenSecret}}
	w.portal = portal.New(portal.Options{
		Client: api, Keys: keys.Get, Now: now, Log: logr.Discard(),
		Limits:     portal.Limits{HashCost: bcrypt.MinCost, PostsPerMinute: 1000, PagesPerMinute: 1 << 20},
		MembersAt:  testkit.MembersAt(api, w.namespace),
		Background: func(work func(context.Context)) bool { work(w.ctx); return true }, // so that calls have an order
	})
}

// judge completes the history and returns its violations.
func (w *world) judge() []string {
	w.halt()
	w.must(w.history.Complete(w.ctx), "complete the history")
	return w.history.Violations()
}

func (w *world) close() {
	w.halt()
	for _, plan := range w.plans { // no other test uses them
		_ = w.api.Delete(context.WithoutCancel(w.ctx), testkit.Plan(plan).Build())
	}
	w.end()
	if w.sink != nil {
		w.sink.Close()
	}
}

func (w *world) faults() int { return int(w.injected.Load()) }

// create creates objects in the world's namespace.
func (w *world) create(objects ...client.Object) {
	for _, o := range objects {
		o.SetNamespace(w.namespace)
		w.must(w.api.Create(w.ctx, o), "create "+o.GetName())
	}
}

// remove deletes objects.
func (w *world) remove(objects ...client.Object) {
	for _, o := range objects {
		o.SetNamespace(w.namespace)
		w.must(client.IgnoreNotFound(w.api.Delete(w.ctx, o)), "delete "+o.GetName())
	}
}

// edit edits an object's spec or metadata as a user would.
func edit[T client.Object](w *world, o T, change func(T)) {
	w.must(tryEdit(w, o, change), "edit "+o.GetName())
}

func tryEdit[T client.Object](w *world, o T, change func(T)) error {
	o.SetNamespace(w.namespace)
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := w.api.Get(w.ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		change(o)
		return w.api.Update(w.ctx, o)
	})
}

func (w *world) setState(name string, state usherv1.State) {
	edit(w, testkit.Member(name).Build(), func(m *usherv1.Member) { m.Spec.State = state })
}

func (w *world) resend(name string) {
	edit(w, testkit.Invitation(name).Build(), func(i *usherv1.Invitation) { i.Spec.SendGeneration++ })
}

// endAccess sets a member's accessUntil to that long from now.
func (w *world) endAccess(name string, in time.Duration) {
	until := metav1.Time{Time: w.clock.Now().Add(in).Truncate(time.Second)}
	edit(w, testkit.Member(name).Build(), func(m *usherv1.Member) { m.Spec.AccessUntil = &until })
}

// plan creates the world's own plan: it binds admins to a ClusterRole, and members own ConfigMaps. It is deleted with the world.
func (w *world) plan() {
	plan := testkit.Plan(w.namespace).AddOn("pipelines", 0, usherv1.SeatPurchase{}).Rights("deals:read").Role("admin", "deals:read").ClusterRoles("view").Build()
	admin := true
	plan.Spec.Roles[1].AccountAdmin = &admin
	plan.Spec.OwnedResources = []usherv1.OwnedResource{{APIVersion: "v1", Kind: "ConfigMap"}}
	w.must(w.api.Create(w.ctx, plan), "create a plan")
	w.planned, w.plans = true, append(w.plans, plan.Name)
}

// starter creates the plan that the story begins with: it has an add-on, and binds no ClusterRole. It is deleted with the world.
func (w *world) starter() {
	plan := testkit.Plan(w.namespace+starter).AddOn("pipelines", 0, usherv1.SeatPurchase{}).Role("admin").Build()
	admin := true
	plan.Spec.Roles[1].AccountAdmin = &admin
	w.must(w.api.Create(w.ctx, plan), "create the starter plan")
	w.plans = append(w.plans, plan.Name)
}

// bound returns what the bindings to a role lack to name exactly those members.
func (w *world) bound(role string, names ...string) string {
	var bindings rbacv1.RoleBindingList
	w.must(w.api.List(w.ctx, &bindings, client.InNamespace(w.namespace)), "list the bindings")
	var bound, wanted []string
	for _, b := range bindings.Items {
		for _, s := range b.Subjects {
			if b.RoleRef.Name == role {
				bound = append(bound, s.Name)
			}
		}
	}
	for _, name := range names {
		wanted = append(wanted, name+"@acme.example")
	}
	if slices.Equal(bound, wanted) {
		return ""
	}
	return fmt.Sprintf("%v are bound to %s, not %v; ", bound, role, wanted)
}

func (w *world) scale(pool string, seats int32) {
	edit(w, testkit.SeatPool(pool).Build(), func(p *usherv1.SeatPool) { p.Spec.Seats = &seats })
}

// read gets an object. If it does not exist, the result has no UID.
func read[T client.Object](w *world, o T) T {
	o.SetNamespace(w.namespace)
	w.must(client.IgnoreNotFound(w.api.Get(w.ctx, client.ObjectKeyFromObject(o), o)), "read "+o.GetName())
	return o
}

func (w *world) member(name string) *usherv1.Member { return read(w, testkit.Member(name).Build()) }
func (w *world) pool(name string) *usherv1.SeatPool { return read(w, testkit.SeatPool(name).Build()) }
func (w *world) invitation(name string) *usherv1.Invitation {
	return read(w, testkit.Invitation(name).Build())
}
func (w *world) account() *usherv1.Account {
	return read(w, testkit.Account(testkit.DefaultAccount).Build())
}

func (w *world) invitations() []usherv1.Invitation {
	var list usherv1.InvitationList
	w.must(w.api.List(w.ctx, &list, client.InNamespace(w.namespace)), "list the invitations")
	return list.Items
}

func (w *world) members() []usherv1.Member {
	var list usherv1.MemberList
	w.must(w.api.List(w.ctx, &list, client.InNamespace(w.namespace)), "list the members")
	return list.Items
}

func (w *world) mailsTo(name string) []smtpsink.Mail { return w.sink.MailsTo(name + "@acme.example") }

// outcome returns the world's Outcome.
func (w *world) outcome() []string {
	lines, err := prove.Outcome(w.ctx, w.api, w.namespace)
	w.must(err, "read the outcome")
	return lines
}

// until waits until missing returns "". Meanwhile it starts a new manager if one was stopped, and sets the clock forward if everything
// waits for a time.
func (w *world) until(what string, missing func() string) {
	w.within(w.timeout, what, missing)
}

func (w *world) within(limit time.Duration, what string, missing func() string) {
	began := time.Now()
	for {
		changed := w.history.Changed()
		lacks := missing()
		if lacks == "" {
			return
		}
		select {
		case <-w.violated:
			limit = min(limit, shortTimeout)
		default:
		}
		if time.Since(began) > limit {
			w.fail("%s: not within %s: %s", what, limit, lacks)
		}
		w.keepRunning()
		w.await(nil, checkInterval)
		w.await(changed, w.pollInterval)
	}
}

// await waits for a change, but no longer than a limit, and fails if the run's time is over.
func (w *world) await(change <-chan struct{}, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-change:
	case <-timer.C:
	case <-w.ctx.Done():
		w.fail("the time of this run is over")
	}
}

// settle waits until every manager has received all changes, and has been idle since.
func (w *world) settle() {
	w.until("quiet", func() string {
		for _, o := range w.ops {
			if err := o.wire.Settled(w.ctx, w.api, w.namespace, idleTime); err != nil {
				return err.Error()
			}
		}
		return ""
	})
}

// keepRunning starts a manager if one was killed, and sets the clock forward if everything waits for it.
func (w *world) keepRunning() {
	if w.op == nil {
		return
	}
	if w.op.killed.Load() {
		w.halt()
		w.start()
		return
	}
	if w.op.wire.Quiet() > 3*idleTime {
		if next := w.nextMoment(); !next.IsZero() {
			w.clockChanges++
			w.leapTo(next)
			w.op.wire.Stir() // it has yet to receive the change
		}
	}
}

// nextMoment returns when the next attempt at a mail is due: the end of the lease of a sender that is gone, the time to retry a mail,
// or the next probe of a mail server that did not respond; zero if nothing waits.
func (w *world) nextMoment() (next time.Time) {
	if w.mailIsDown() {
		next = w.clock.Now().Add(probePause)
	}
	for _, i := range w.invitations() {
		s := i.Status
		var waits []*metav1.Time
		if s.State == usherv1.InvitationSending || s.State == usherv1.InvitationPending || invite.Waits(&s) {
			waits = append(waits, s.NextAttemptAt)
		}
		for _, r := range s.Reminders {
			waits = append(waits, r.NextAttemptAt)
		}
		for _, t := range waits {
			if t != nil && t.After(w.clock.Now()) && (next.IsZero() || t.Time.Before(next)) {
				next = t.Time
			}
		}
	}
	for _, m := range w.members() {
		for _, at := range attemptsOf(&m) {
			if at.After(w.clock.Now()) && (next.IsZero() || at.Time.Before(next)) {
				next = at.Time
			}
		}
	}
	return next
}

// attemptsOf returns when the next attempts at mails to a member are due, beside those of its invitation.
func attemptsOf(m *usherv1.Member) (due []*metav1.Time) {
	add := func(state usherv1.EndNoticeState, at *metav1.Time) {
		if at != nil && (state == usherv1.EndNoticeSending || state == usherv1.EndNoticePending) {
			due = append(due, at)
		}
	}
	for _, n := range m.Status.EndNotices {
		add(n.State, n.NextAttemptAt)
	}
	if c := m.Status.EmailChange; c != nil {
		for _, mail := range c.Mails {
			add(mail.State, mail.NextAttemptAt)
		}
	}
	return due
}

// probePause is the time between probes of a mail server that does not respond.
const probePause = time.Minute

func (w *world) mailIsDown() bool {
	return meta.IsStatusConditionFalse(w.account().Status.Conditions, usherv1.ConditionMailReady)
}

// leapTo sets the clock forward to a moment, and wakes the invitations and members that become due. A manager's timers run on the wall
// clock and do not notice the leap; the expiry harness checks the timers without leaps.
func (w *world) leapTo(moment time.Time) {
	before := w.clock.Now()
	w.clock.Step(moment.Sub(before) + 10*time.Millisecond)
	if moment.Sub(before) >= probePause && w.mailIsDown() {
		w.wake(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: smtpSecret, Namespace: w.namespace}})
	}
	for _, i := range w.invitations() {
		for _, t := range moments(i.Status) {
			if t != nil && t.After(before) && !t.After(w.clock.Now()) {
				w.wake(&i)
				break
			}
		}
	}
	for _, m := range w.members() {
		moments := append(attemptsOf(&m), m.Spec.AccessUntil)
		if c := m.Status.EmailChange; c != nil {
			moments = append(moments, c.ExpiresAt)
		}
		if slices.ContainsFunc(moments, func(t *metav1.Time) bool { return t != nil && t.After(before) && !t.After(w.clock.Now()) }) {
			w.wake(&m)
		}
	}
}

// moments returns when something is due for an invitation.
func moments(s usherv1.InvitationStatus) []*metav1.Time {
	list := []*metav1.Time{s.NextAttemptAt, s.ExpiresAt}
	if s.ExpiresAt != nil {
		list = append(list, &metav1.Time{Time: s.ExpiresAt.Add(-usherv1.Lead(reminder).Duration())})
	}
	for _, r := range s.Reminders {
		list = append(list, r.NextAttemptAt)
	}
	return list
}

// wake makes an object reconcile again.
func (w *world) wake(o client.Object) {
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"woken":%q}}}`, fmt.Sprint(time.Now().UnixNano()))
	err := w.api.Patch(w.ctx, o.DeepCopyObject().(client.Object), client.RawPatch(types.MergePatchType, patch))
	w.must(client.IgnoreNotFound(err), "wake "+o.GetName())
}

// reminded returns what an invitation lacks to have sent its reminder.
func (w *world) reminded(name string) string {
	for _, r := range w.invitation(name).Status.Reminders {
		if r.Before == reminder && r.SentAt != nil {
			return ""
		}
	}
	return name + " is not reminded; "
}

// be returns what a member lacks to be in that state for that reason.
func (w *world) be(name string, state usherv1.ObservedState, reason string) string {
	m := w.member(name)
	is := conditionReason(m.Status.Conditions)
	if m.UID != "" && m.Status.State == state && is == reason && m.Status.ObservedGeneration == m.Generation {
		return ""
	}
	return fmt.Sprintf("%s is %s/%s, not %s/%s", name, m.Status.State, is, state, reason)
}

func (w *world) invited(names ...string) string {
	return lacks(names, func(n string) string { return w.be(n, usherv1.ObservedPending, usherv1.ReasonAwaitingAcceptance) })
}

func (w *world) active(names ...string) string {
	return lacks(names, func(n string) string { return w.be(n, usherv1.ObservedActive, usherv1.ReasonAccepted) })
}

func (w *world) gone(names ...string) string {
	return lacks(names, func(n string) string {
		if w.member(n).UID != "" {
			return n + " is still there"
		}
		return ""
	})
}

// led returns what the account's status lacks to report that it has an admin, or that it has lost its last one.
func (w *world) led(yes bool) string {
	s := w.account().Status
	if lost := meta.IsStatusConditionTrue(s.Conditions, usherv1.ConditionNoAdmin); lost == yes || yes && s.Owner == nil {
		return fmt.Sprintf("the account's owner is %v; NoAdmin: %t", s.Owner, lost)
	}
	return ""
}

// sent returns what an invitation lacks to have its wanted generation sent.
func (w *world) sent(name string) string {
	i := w.invitation(name)
	if i.Status.State == usherv1.InvitationSent && i.Status.SendGeneration == i.Spec.SendGeneration {
		return ""
	}
	return fmt.Sprintf("the invitation of %s is %s, generation %d of %d", name, i.Status.State, i.Status.SendGeneration, i.Spec.SendGeneration)
}

// told returns what the notices of the end of a member's access lack, to the member and to the contact.
func (w *world) told(name string, state usherv1.EndNoticeState) string {
	m := w.member(name)
	told := 0
	for _, n := range m.Status.EndNotices {
		if n.State == state && n.AccessUntil.Equal(m.Spec.AccessUntil) {
			told++
		}
	}
	if told == 2 {
		return ""
	}
	return fmt.Sprintf("the end of the access of %s: %+v", name, m.Status.EndNotices)
}

func lacks(names []string, of func(string) string) string {
	var out []string
	for _, n := range names {
		if l := of(n); l != "" {
			out = append(out, l)
		}
	}
	return strings.Join(out, "; ")
}

func conditionReason(conditions []metav1.Condition) string {
	i := slices.IndexFunc(conditions, func(c metav1.Condition) bool { return c.Type == usherv1.ConditionReady })
	if i < 0 {
		return ""
	}
	return conditions[i].Reason
}
