// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package prove_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/test/testkit"
)

// resync is how often the manager reconciles every object although nothing has changed; client-go takes up to twice as long. A manager
// that has written nothing for atRest has passed at least one resync without a write.
const (
	resync = time.Second
	atRest = 2600 * time.Millisecond
)

// walk is one random sequence of changes.
type walk struct {
	*world
	random *rand.Rand
	trail  []string
}

// stride is a kind of change, and its weight.
type stride struct {
	name   string
	weight int
	do     func(w *walk) error
}

const (
	secondBase = "acme-more"
	starter    = "-starter" // ends the name of the plan that the story begins with
	nowhere    = "nowhere"
)

var people = []string{"ada", "bob", "cat", "dan"}

func (w *walk) one(of ...string) string { return of[w.random.IntN(len(of))] }
func (w *walk) make(o client.Object) error {
	o.SetNamespace(w.namespace)
	return w.api.Create(w.ctx, o)
}

func (w *walk) drop(o client.Object) error {
	o.SetNamespace(w.namespace)
	return w.api.Delete(w.ctx, o)
}

func (w *walk) state() usherv1.State {
	if w.random.IntN(2) == 0 {
		return usherv1.StateDisabled
	}
	return usherv1.StateActive
}

func (w *walk) poolRefs(m *usherv1.Member) {
	switch w.random.IntN(5) {
	case 0:
		m.Spec.SeatPoolRefs = nil
	case 1:
		m.Spec.SeatPoolRefs = []usherv1.SeatPoolReference{{Name: secondBase}}
	case 2:
		m.Spec.SeatPoolRefs = []usherv1.SeatPoolReference{{Name: base}, {Name: addOn}}
	case 3:
		m.Spec.SeatPoolRefs = []usherv1.SeatPoolReference{{Name: base}, {Name: nowhere}}
	default:
		m.Spec.SeatPoolRefs = []usherv1.SeatPoolReference{{Name: base}}
	}
}

func (w *walk) anyMember(change func(*usherv1.Member)) error {
	return tryEdit(w.world, testkit.Member(w.one(people...)).Build(), change)
}

func (w *walk) anyAccount(change func(*usherv1.Account)) error {
	return tryEdit(w.world, testkit.Account(testkit.DefaultAccount).Build(), change)
}

func (w *walk) anyInvitation(change func(*usherv1.Invitation)) error {
	return tryEdit(w.world, testkit.Invitation(w.one(people...)).Build(), change)
}

func (w *walk) anyPool(change func(*usherv1.SeatPool)) error {
	return tryEdit(w.world, testkit.SeatPool(w.one(base, base, addOn, secondBase)).Build(), change)
}

func (w *walk) answers(action string) error {
	name := w.one(people...)
	if len(w.mailsTo(name)) == 0 {
		return nil
	}
	if code := w.post(w.link(name), action); code >= 500 {
		return fmt.Errorf("%s answers %s and reads a page of status %d", name, action, code)
	}
	return nil
}

// refusal returns an error unless the API server refused an invalid change as invalid.
func refusal(err error) error {
	switch {
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsNotFound(err):
		return nil
	case err == nil:
		return fmt.Errorf("an invalid change was accepted")
	}
	return err
}

var strides = []stride{
	{"the account comes", 3, func(w *walk) error {
		return w.make(testkit.Account(testkit.DefaultAccount).InvitationTTL("48h").Build())
	}},
	{"the account goes", 1, func(w *walk) error { return w.drop(testkit.Account(testkit.DefaultAccount).Build()) }},
	{"the account is disabled or enabled", 2, func(w *walk) error {
		return w.anyAccount(func(a *usherv1.Account) { a.Spec.State = w.state() })
	}},
	{"a pool comes", 3, func(w *walk) error {
		switch w.random.IntN(4) {
		case 0:
			return w.make(testkit.SeatPool(addOn).AddOn("pipelines").Seats(1).Build())
		case 1:
			return w.make(testkit.SeatPool(secondBase).Seats(int32(w.random.IntN(3))).OnAcceptance().Build())
		}
		return w.make(testkit.SeatPool(base).Seats(int32(w.random.IntN(4))).Build())
	}},
	{"a pool goes", 1, func(w *walk) error { return w.drop(testkit.SeatPool(w.one(base, addOn, secondBase)).Build()) }},
	{"a pool grows or shrinks", 3, func(w *walk) error {
		seats := int32(w.random.IntN(4))
		return w.anyPool(func(p *usherv1.SeatPool) { p.Spec.Seats = &seats })
	}},
	{"a pool reserves otherwise", 1, func(w *walk) error {
		return w.anyPool(func(p *usherv1.SeatPool) {
			if p.Spec.Reservation == usherv1.ReserveOnAcceptance {
				p.Spec.Reservation = usherv1.ReserveOnInvitation
			} else {
				p.Spec.Reservation = usherv1.ReserveOnAcceptance
			}
		})
	}},
	{"a member comes", 8, func(w *walk) error {
		name := w.one(people...)
		m := testkit.Member(name).Build()
		w.poolRefs(m)
		if w.random.IntN(4) == 0 {
			m.Spec.Activation = usherv1.ActivateImmediately
		}
		if w.random.IntN(5) == 0 {
			m.Spec.Email = usherv1.EmailAddress(w.one(people...) + "@acme.example")
		}
		return w.make(m)
	}},
	{"a member goes", 2, func(w *walk) error { return w.drop(testkit.Member(w.one(people...)).Build()) }},
	{"a member is disabled or enabled", 4, func(w *walk) error { return w.anyMember(func(m *usherv1.Member) { m.Spec.State = w.state() }) }},
	{"a member moves", 3, func(w *walk) error { return w.anyMember(w.poolRefs) }},
	{"a member has another address", 2, func(w *walk) error {
		address := usherv1.EmailAddress(w.one(people...) + "@acme.example")
		return w.anyMember(func(m *usherv1.Member) { m.Spec.Email = address })
	}},
	{"an invitation is sent again", 3, func(w *walk) error { return w.anyInvitation(func(i *usherv1.Invitation) { i.Spec.SendGeneration++ }) }},
	{"an invitation is revoked or opened", 2, func(w *walk) error {
		tooLate := false
		err := w.anyInvitation(func(i *usherv1.Invitation) {
			if tooLate = false; i.Spec.State == usherv1.InvitationRevokedWish {
				i.Spec.State = usherv1.InvitationOpen
				return
			}
			i.Spec.State = usherv1.InvitationRevokedWish
			tooLate = i.Status.State == usherv1.InvitationAccepted
		})
		if tooLate {
			return refusal(err)
		}
		return err
	}},
	{"an invitation is written by hand", 1, func(w *walk) error {
		return w.make(testkit.Invitation(w.one(append([]string{"by-hand"}, people...)...)).Member(w.one(people...)).Build())
	}},
	{"an invitation is deleted", 1, func(w *walk) error { return w.drop(testkit.Invitation(w.one(people...)).Build()) }},
	{"an invitee accepts", 5, func(w *walk) error { return w.answers("accept") }},
	{"an invitee declines", 1, func(w *walk) error { return w.answers("decline") }},
	{"an acceptance is deleted", 1, func(w *walk) error {
		return w.drop(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "usher-member-" + w.one(people...)}})
	}},
	{"two days pass", 2, func(w *walk) error {
		w.leapTo(w.clock.Now().Add(49 * time.Hour))
		return nil
	}},
	{"a member's access is to end, or not any more", 2, func(w *walk) error {
		var ends *metav1.Time
		if days := w.random.IntN(4); days > 0 {
			ends = &metav1.Time{Time: w.clock.Now().Add(time.Duration(days) * 20 * time.Hour).Truncate(time.Second)}
		}
		return w.anyMember(func(m *usherv1.Member) { m.Spec.AccessUntil = ends })
	}},
	{"a member has another role", 2, func(w *walk) error {
		role := w.one("", "admin", "admin", "cook")
		return w.anyMember(func(m *usherv1.Member) { m.Spec.Role = role })
	}},
	{"the account reminds, or hands links out", 2, func(w *walk) error {
		lead, delivery := w.one("", reminder), w.one(string(usherv1.DeliverySMTP), string(usherv1.DeliverySMTP), string(usherv1.DeliveryLink))
		return w.anyAccount(func(a *usherv1.Account) {
			a.Spec.Mail = &usherv1.AccountMail{Delivery: usherv1.MailDelivery(delivery)}
			if a.Spec.Invitations.Reminders = nil; lead != "" {
				a.Spec.Invitations.Reminders = []usherv1.Lead{usherv1.Lead(lead)}
			}
		})
	}},
	{"a plan comes", 1, func(w *walk) error {
		if w.planned {
			return nil
		}
		w.plan()
		return nil
	}},
	{"the account takes a plan, one that is not there, or none", 2, func(w *walk) error {
		name := w.one("", w.namespace, w.namespace, nowhere)
		return w.anyAccount(func(a *usherv1.Account) {
			if a.Spec.PlanRef, a.Spec.AddOns = nil, nil; name != "" {
				a.Spec.PlanRef, a.Spec.AddOns = &usherv1.PlanReference{Name: name}, []string{"pipelines"}
			}
		})
	}},
	{"an address is nonsense", 1, func(w *walk) error {
		return refusal(w.anyMember(func(m *usherv1.Member) { m.Spec.Email = "not an address" }))
	}},
	{"seats are negative", 1, func(w *walk) error {
		minus := int32(-1)
		return refusal(w.anyPool(func(p *usherv1.SeatPool) { p.Spec.Seats = &minus }))
	}},
	{"a member changes its account", 1, func(w *walk) error {
		return refusal(w.anyMember(func(m *usherv1.Member) { m.Spec.AccountRef.Name = "other" }))
	}},
	{"a generation goes down", 1, func(w *walk) error {
		return refusal(w.anyInvitation(func(i *usherv1.Invitation) {
			if i.Spec.SendGeneration--; i.Spec.SendGeneration == 0 { // 0 is omitted from the JSON, and means the default
				i.Spec.SendGeneration = -1
			}
		}))
	}},
}

func (w *walk) step() {
	total := 0
	for _, s := range strides {
		total += s.weight
	}
	at := w.random.IntN(total)
	for _, s := range strides {
		if at -= s.weight; at >= 0 {
			continue
		}
		w.trail = append(w.trail, s.name)
		err := s.do(w)
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsAlreadyExists(err) && !apierrors.IsConflict(err) {
			w.fail("%v: %v", w.trail, err)
		}
		return
	}
}

func (w *walk) run(length int) {
	w.options = append(w.options, func(o *managerOptions) { o.TestHooks.Resync = resync })
	w.start()
	w.create(testkit.Account(testkit.DefaultAccount).InvitationTTL("48h").Build(), testkit.SeatPool(base).Seats(2).Build())
	for range length {
		w.step()
		w.rest()
		if wrong := w.inconsistent(); wrong != "" {
			w.fail("after %v: %s\n%s", w.trail, wrong, strings.Join(w.outcome(), "\n"))
		}
	}
	w.halt()
	mails := len(w.sink.Mails())
	w.start()
	w.settle()
	if calls := w.op.wire.Calls(); len(calls) > 0 || len(w.sink.Mails()) > mails {
		w.fail("after %v, a new manager wrote %v and sent %d mails", w.trail, calls, len(w.sink.Mails())-mails)
	}
}

// rest waits until the manager has received all changes and has passed a resync without a write. It recognizes the resync by the
// clock, which the manager reads at least once for each object that it reconciles.
func (w *walk) rest() {
	writes, looks := -1, 0
	w.until(fmt.Sprintf("quiet after %v", w.trail), func() string {
		if n := len(w.op.wire.Calls()); n != writes {
			writes, looks = n, w.clock.Looks()
		}
		if err := w.op.wire.Settled(w.ctx, w.api, w.namespace, atRest); err != nil {
			return err.Error()
		}
		if n := w.clock.Looks() - looks; n < 2*w.history.Objects() {
			return fmt.Sprintf("the manager has read the clock for %d objects", n)
		}
		return ""
	})
}

// inconsistent returns what does not match once the manager is idle.
func (w *walk) inconsistent() string {
	members := map[types.UID]*usherv1.Member{}
	account := w.account()
	all := w.members()
	for i := range all {
		m := &all[i]
		members[m.UID] = m
		if wrong := w.stateOf(m, account); wrong != "" {
			return m.Name + " " + wrong
		}
	}
	var pools usherv1.SeatPoolList
	w.must(w.api.List(w.ctx, &pools, client.InNamespace(w.namespace)), "list the pools")
	for _, p := range pools.Items {
		if p.DeletionTimestamp != nil {
			return "SeatPool " + p.Name + " is to go and stays"
		}
		for uid, grant := range p.Status.Claims {
			m := members[types.UID(uid)]
			if m == nil {
				return "SeatPool " + p.Name + " has a claim without a member"
			}
			held := false
			for _, s := range m.Status.Seats {
				held = held || s.Pool == p.Name && s.Held() && s.Grant == grant
			}
			// While the account is disabled, or its plan does not exist, members take no seats and give none back.
			if !held && account.Spec.State != usherv1.StateDisabled && !w.lacksPlan(account) {
				return fmt.Sprintf("%s has claim %d of %s and does not know: %+v", m.Name, grant, p.Name, m.Status.Seats)
			}
		}
		if account.UID != "" && !w.lacksPlan(account) && *p.Status.Available > 0 && *p.Status.Waiting > 0 {
			return fmt.Sprintf("SeatPool %s has %d free seats, and %d wait", p.Name, *p.Status.Available, *p.Status.Waiting)
		}
	}
	if account.UID != "" && account.Status.Members != nil && int(account.Status.Members.Total) != len(all) {
		return fmt.Sprintf("the account counts %d members of %d", account.Status.Members.Total, len(all))
	}
	return ""
}

// stateOf returns what is wrong with a member's state, as far as its own spec and its account's determine it.
func (w *walk) stateOf(m *usherv1.Member, account *usherv1.Account) string {
	reason := conditionReason(m.Status.Conditions)
	wrong := func(state usherv1.ObservedState, wanted string) string {
		if m.Status.State != state || reason != wanted {
			return fmt.Sprintf("is %s/%s, not %s/%s", m.Status.State, reason, state, wanted)
		}
		return ""
	}
	switch {
	case m.DeletionTimestamp != nil && w.lacksPlan(account):
		return wrong(usherv1.ObservedDisabled, usherv1.ReasonDeletionBlocked)
	case m.DeletionTimestamp != nil:
		return "is to go and stays"
	case m.Status.ObservedGeneration != m.Generation:
		return fmt.Sprintf("was observed at generation %d of %d", m.Status.ObservedGeneration, m.Generation)
	case m.Spec.State == usherv1.StateDisabled:
		return wrong(usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec)
	case m.Spec.Ended(w.clock.Now()):
		return wrong(usherv1.ObservedDisabled, usherv1.ReasonAccessEnded)
	case account.UID == "":
		return wrong(usherv1.ObservedPending, usherv1.ReasonAccountNotFound)
	case account.Spec.State == usherv1.StateDisabled:
		return wrong(usherv1.ObservedDisabled, usherv1.ReasonAccountDisabled)
	case w.lacksPlan(account):
		return wrong(usherv1.ObservedPending, usherv1.ReasonPlanNotFound)
	case m.Status.State == usherv1.ObservedDisabled:
		return "is Disabled, and no spec asks for that"
	case m.Status.State == usherv1.ObservedActive && m.Status.AcceptedAt == nil:
		return "is Active and has not accepted"
	case m.Status.State == usherv1.ObservedPending && reason == usherv1.ReasonInviting && !meta.IsStatusConditionTrue(m.Status.Conditions, usherv1.ConditionStalled):
		return "is still being invited"
	}
	return ""
}

// lacksPlan reports whether the account names a plan that does not exist.
func (w *walk) lacksPlan(account *usherv1.Account) bool {
	ref := account.Spec.PlanRef
	return ref != nil && (ref.Name == nowhere || !w.planned)
}

// From any state, any change of a spec leads to a consistent state without further writes.
func TestStateWalk(t *testing.T) {
	t.Parallel()
	h := begin(t, "state walk")
	var seeds []uint64
	for i := range scaled(6, *walks) {
		seeds = append(seeds, *seed*1000+uint64(i))
	}
	if *onlyWalk > 0 {
		seeds = []uint64{*onlyWalk}
	}
	eachOf(*abreast+4, seeds, func(s uint64) {
		h.run(fmt.Sprintf("walk %d", s), func(w *world) {
			(&walk{world: w, random: rand.New(rand.NewPCG(s, 0))}).run(scaled(8, 14))
		})
	})
}

// A manager that omits part of what it writes never stops writing.
func TestStateWalkNoticesUnrest(t *testing.T) {
	t.Parallel()
	h := mutant(t, "update members/status")
	h.run("names are left out", func(w *world) {
		violated := make(chan struct{})
		w.violated = violated
		w.options = append(w.options, func(o *managerOptions) { o.wrap = withoutNames(sync.OnceFunc(func() { close(violated) })) })
		one := &walk{world: w, random: rand.New(rand.NewPCG(*seed, 0))}
		w.create(testkit.Member("ada").Build())
		one.run(8)
	})
}

// withoutNames removes the names from the manager's writes of Members.
func withoutNames(struck func()) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			if puts(req, "members") {
				w, err := readBody(req)
				if err != nil {
					return nil, err
				}
				delete(w.Status, "displayName")
				setBody(req, w.bytes())
				struck()
			}
			return next.RoundTrip(req)
		})
	}
}
