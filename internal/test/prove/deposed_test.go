// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/access"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// deposition is a leader's write that is delayed until another manager leads.
type deposition struct {
	name string
	// held matches the write; it is the nth of its kind after before.
	held func(testkit.Call) bool
	nth  int
	// before runs while the first leader works without faults.
	before func(w *world)
	// cause makes the first leader write.
	cause func(w *world)
	// meanwhile runs under the second leader; nil: it does what the first was about to do.
	meanwhile func(w *world)
	// copies is how many copies of mails are allowed.
	copies int
}

func writes(verb, resource, name string) func(testkit.Call) bool {
	return func(c testkit.Call) bool {
		is := c.Resource
		if c.Subresource != "" {
			is += "/" + c.Subresource
		}
		return c.Verb == verb && is == resource && c.Name == name
	}
}

func createMembers(builders ...*testkit.MemberBuilder) func(w *world) {
	return func(w *world) {
		for _, b := range builders {
			w.create(b.Build())
		}
	}
}

func nothing(*world) {}

// settled creates Active members and waits until nothing is left to do. A binding names the admins.
func settled(names ...string) func(w *world) {
	return func(w *world) {
		w.scale(base, 2)
		for _, name := range names {
			createMembers(testkit.Member(name).Role("admin").Immediate())(w)
		}
		w.until("active", func() string { return w.atWork(names...) + w.bound(access.AccountAdminRole, names...) })
		w.settle()
	}
}

func (w *world) atWork(names ...string) string {
	return lacks(names, func(n string) string { return w.be(n, usherv1.ObservedActive, usherv1.ReasonActivated) })
}

// anyOf matches writes of a resource, whatever the object's name.
func anyOf(verb, resource string) func(testkit.Call) bool {
	return func(c testkit.Call) bool { return c.Verb == verb && c.Resource == resource && c.Subresource == "" }
}

var depositions = []deposition{
	{
		name: "a ledger", held: writes("update", "seatpools/status", base), nth: 1, before: nothing,
		cause: createMembers(testkit.Member("ada")),
		meanwhile: func(w *world) {
			w.until("invited", func() string { return w.invited("ada") })
		},
	},
	{
		name: "an activation", held: writes("update", "members/status", "ada"), nth: 1,
		before: func(w *world) {
			createMembers(testkit.Member("ada"))(w)
			w.until("invited", func() string { return w.invited("ada") })
			w.settle()
		},
		cause: func(w *world) { w.accept("ada") },
		meanwhile: func(w *world) {
			w.until("active", func() string { return w.active("ada") })
			w.setState("ada", usherv1.StateDisabled)
			w.until("disabled", func() string { return w.be("ada", usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec) })
		},
	},
	{
		name: "a claim", held: writes("update", "invitations/status", "ada"), nth: 1, before: nothing,
		cause:     createMembers(testkit.Member("ada")),
		meanwhile: func(w *world) { w.until("invited", func() string { return w.invited("ada") }) },
	},
	{
		name: "the record of a mail", held: writes("update", "invitations/status", "ada"), nth: 2, before: nothing,
		cause: createMembers(testkit.Member("ada")), copies: 1,
		meanwhile: func(w *world) { w.until("invited", func() string { return w.invited("ada") }) },
	},
	{
		name: "the creation of an invitation", held: writes("create", "invitations", "ada"), nth: 1, before: nothing,
		cause:     createMembers(testkit.Member("ada")),
		meanwhile: func(w *world) { w.until("invited", func() string { return w.invited("ada") }) },
	},
	{
		name: "the creation of credentials", held: writes("create", "secrets", "usher-member-ada"), nth: 1, before: nothing,
		cause: createMembers(testkit.Member("ada").Immediate()),
		meanwhile: func(w *world) {
			w.until("active", func() string { return w.be("ada", usherv1.ObservedActive, usherv1.ReasonActivated) })
		},
	},
	{
		name: "the removal of a finalizer", held: writes("patch", "members", "ada"), nth: 1,
		before: func(w *world) {
			createMembers(testkit.Member("ada").Immediate())(w)
			w.until("active", func() string { return w.be("ada", usherv1.ObservedActive, usherv1.ReasonActivated) })
			w.settle()
		},
		cause: func(w *world) { w.remove(testkit.Member("ada").Build()) },
		meanwhile: func(w *world) {
			w.until("gone", func() string { return w.gone("ada") })
			createMembers(testkit.Member("ada").Immediate())(w)
			w.until("active", func() string { return w.be("ada", usherv1.ObservedActive, usherv1.ReasonActivated) })
		},
	},
	{
		name: "the deletion of credentials", held: writes("delete", "secrets", "usher-member-ada"), nth: 1,
		before: func(w *world) {
			createMembers(testkit.Member("ada").Immediate())(w)
			w.until("active", func() string { return w.be("ada", usherv1.ObservedActive, usherv1.ReasonActivated) })
			w.settle()
		},
		cause: func(w *world) { w.remove(testkit.Member("ada").Build()) },
		meanwhile: func(w *world) {
			w.until("gone", func() string { return w.gone("ada") })
			createMembers(testkit.Member("ada").Immediate())(w)
			w.until("active", func() string { return w.be("ada", usherv1.ObservedActive, usherv1.ReasonActivated) })
		},
	},
	{
		name: "the creation of a binding", held: anyOf("create", "rolebindings"), nth: 1, before: nothing,
		cause:     createMembers(testkit.Member("ada").Role("admin").Immediate()),
		meanwhile: func(w *world) { w.until("bound", func() string { return w.bound(access.AccountAdminRole, "ada") }) },
	},
	{
		name: "a new subject in a binding", held: anyOf("update", "rolebindings"), nth: 1, before: settled("ada"),
		cause: createMembers(testkit.Member("bob").Role("admin").Immediate()),
		meanwhile: func(w *world) {
			w.until("bound", func() string { return w.bound(access.AccountAdminRole, "ada", "bob") })
			w.setState("bob", usherv1.StateDisabled)
			w.until("unbound", func() string { return w.bound(access.AccountAdminRole, "ada") })
		},
	},
	{
		name: "the deletion of a binding", held: anyOf("delete", "rolebindings"), nth: 1, before: settled("ada"),
		cause: func(w *world) { w.setState("ada", usherv1.StateDisabled) },
		meanwhile: func(w *world) {
			w.until("unbound", func() string { return w.bound(access.AccountAdminRole) })
			w.setState("ada", usherv1.StateActive)
			w.until("bound", func() string { return w.atWork("ada") + w.bound(access.AccountAdminRole, "ada") })
		},
	},
	{
		name: "a new API token", held: writes("update", "secrets", "usher-member-ada"), nth: 1, before: settled("ada"),
		cause: func(w *world) { w.setState("ada", usherv1.StateDisabled) },
		meanwhile: func(w *world) {
			w.until("disabled", func() string {
				if m := w.member("ada"); m.Status.DisabledAt == nil || len(w.pool(base).Status.Claims) > 0 {
					return "ada has a seat"
				}
				return ""
			})
		},
	},
	{
		name: "the reassignment of an owned object", held: writes("patch", "configmaps", "deal"), nth: 1,
		before: func(w *world) {
			w.plan()
			edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) {
				a.Spec.PlanRef = &usherv1.PlanReference{Name: w.namespace}
			})
			settled("ada", "bob")(w)
			w.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "deal", Labels: map[string]string{usherv1.OwnerLabel: "ada"}}})
		},
		cause: func(w *world) {
			edit(w, testkit.Member("ada").Build(), func(m *usherv1.Member) { m.Spec.ReassignTo = &usherv1.MemberReference{Name: "bob"} })
			w.remove(testkit.Member("ada").Build())
		},
		meanwhile: func(w *world) { w.until("gone", func() string { return w.gone("ada") }) },
	},
	{
		name: "the claim of a reminder", held: writes("update", "invitations/status", "ada"), nth: 1,
		before: func(w *world) {
			edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) {
				a.Spec.Invitations = testkit.Account("").InvitationTTL("48h").Reminders(reminder).Build().Spec.Invitations
			})
			createMembers(testkit.Member("ada"))(w)
			w.until("invited", func() string { return w.invited("ada") })
			w.settle()
		},
		cause:     func(w *world) { w.leapTo(w.clock.Now().Add(25 * time.Hour)) },
		meanwhile: func(w *world) { w.until("reminded", func() string { return w.reminded("ada") }) },
	},
	{
		name: "the claim of an expiry notice", held: writes("update", "members/status", "ada"), nth: 2, copies: 1, before: settled("ada"),
		cause: func(w *world) {
			edit(w, testkit.Account(testkit.DefaultAccount).Build(), func(a *usherv1.Account) {
				a.Spec.Contact = testkit.Account("").Contact("it@acme.example", "", "").Build().Spec.Contact
			})
			w.endAccess("ada", 24*time.Hour)
		},
		meanwhile: func(w *world) { w.until("told", func() string { return w.told("ada", usherv1.EndNoticeSent) }) },
	},
}

// A leader's write that arrives when another manager leads is refused and changes nothing.
func TestDeposedLeader(t *testing.T) {
	t.Parallel()
	h := begin(t, "deposed leader")
	all := func() (jobs []deposition) {
		for range scaled(1, 5) {
			jobs = append(jobs, depositions...)
		}
		return jobs
	}()
	eachOf(*abreast+12, all, func(d deposition) { h.run(d.name, func(w *world) { d.run(w, nil) }) })
}

// If a leader updates the ledger without a resourceVersion, the late write succeeds, and the second leader's grant is lost.
func TestDeposedLeaderNoticesUnconditionalWrites(t *testing.T) {
	t.Parallel()
	h := mutant(t, "was accepted: 200")
	h.run("last write wins", func(w *world) { depositions[0].run(w, lastWriteWins("seatpools")) })
}

func (d deposition) run(w *world, wrap transport.WrapperFunc) {
	elected := func(o *managerOptions) { o.LeaderElect = true }
	first := w.startAnother(elected)
	w.op = first
	w.create(testkit.Account(testkit.DefaultAccount).Build(), testkit.SeatPool(base).Seats(1).Build())
	w.until("an account", func() string { return story[0].done(w) })
	d.before(w)
	w.settle()

	late := newDelayedWrite(w, wrap)
	count := 0
	first.wire.When(func(c testkit.Call) bool {
		if d.held(c) {
			count++
		}
		return d.held(c) && count == d.nth
	}, late.hold)
	d.cause(w)
	w.until(d.name+" is on its way", func() string {
		select {
		case <-late.posted:
			return ""
		default:
			return "not yet"
		}
	})
	w.injected.Add(1)
	// The leader can no longer renew its lease, as if the network separated it from the API server.
	first.wire.When(func(c testkit.Call) bool { return c.Resource == "leases" }, testkit.Refused)
	second := w.startAnother(elected)
	w.op = second
	w.until("the first leader gives up", func() string {
		select {
		case <-first.done:
			return ""
		default:
			return "it still leads"
		}
	})
	d.meanwhile(w)
	w.settle()

	before, versions := w.outcome(), w.versions()
	code := late.deliver(w)
	if code < 400 {
		w.fail("%s of a deposed leader was accepted: %d", d.name, code)
	}
	w.settle()
	if !maps.Equal(versions, w.versions()) {
		w.fail("%s of a deposed leader changed something: %v, %v", d.name, before, w.outcome())
	}
	if _, more, strange := w.letters(); more > d.copies || len(strange) > 0 {
		w.fail("%d mails were sent twice, %v", more, strange)
	}
}

// versions returns the resourceVersions of everything that Usher writes, by kind and name.
func (w *world) versions() map[string]string {
	all := map[string]string{}
	for _, list := range []client.ObjectList{
		&usherv1.AccountList{}, &usherv1.MemberList{}, &usherv1.SeatPoolList{}, &usherv1.InvitationList{},
		&rbacv1.RoleList{}, &rbacv1.RoleBindingList{}, &corev1.SecretList{}, &corev1.ConfigMapList{},
	} {
		w.must(w.api.List(w.ctx, list, client.InNamespace(w.namespace)), "list objects")
		objects, err := meta.ExtractList(list)
		w.must(err, "read a list")
		for _, o := range objects {
			o := o.(client.Object)
			all[fmt.Sprintf("%T %s", o, o.GetName())] = o.GetResourceVersion()
		}
	}
	return all
}

// delayedWrite is a write that arrives after its sender has stopped waiting for it.
type delayedWrite struct {
	posted  chan struct{}
	once    sync.Once
	request *http.Request
	body    []byte
	next    http.RoundTripper
}

func newDelayedWrite(w *world, wrap transport.WrapperFunc) *delayedWrite {
	next, err := rest.TransportFor(server.Config())
	w.must(err, "create a transport")
	if wrap != nil {
		next = wrap(next)
	}
	return &delayedWrite{posted: make(chan struct{}), next: next}
}

// hold is a testkit.Fault that keeps the write.
func (l *delayedWrite) hold(req *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	first := false
	l.once.Do(func() { first = true })
	if !first {
		return send()
	}
	if req.Body != nil {
		l.body, _ = io.ReadAll(req.Body)
		_ = req.Body.Close()
	}
	l.request = req.Clone(context.WithoutCancel(req.Context()))
	close(l.posted)
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// deliver sends the write and returns the status of the response.
func (l *delayedWrite) deliver(w *world) int {
	setBody(l.request, l.body)
	answer, err := l.next.RoundTrip(l.request)
	w.must(err, "deliver a held write")
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode >= 400 && answer.StatusCode != http.StatusConflict && answer.StatusCode != http.StatusNotFound {
		w.fail("a held write was refused for another reason: %d %s", answer.StatusCode, bytes.TrimSpace(text))
	}
	return answer.StatusCode
}
