// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/seat"
)

// facts are what was true at some time since a piece of work began. Work cannot act on the latest state of several objects, but what it
// acts on must have been true at some time while it ran, and not only in an old cache.
type facts struct {
	// mailable: the member could be invited; open: its account could invite. The two are not read at the same time.
	mailable, open bool
	// living: there was an account, and it was not being deleted.
	living bool
	// losable: there was a reason for a member to lose its access.
	losable bool
	// unaccepted: the member had no credentials.
	unaccepted bool
	// seated: it had a base seat.
	seated bool
	// ending: its access was about to end.
	ending bool
	// capacity is the most seats that the pool was entitled to, as if it were the account's oldest: plan and pools are not read at the
	// same time.
	capacity int
	// addresses that the member had in use, and wanted: those that its spec named.
	addresses, wanted []string
	// changes: its address was about to change, and mails about that could be sent. tried are the changes of address, by the time at which
	// they were noticed, that the address in use need not be told of, because it refused the mail or was tried often enough.
	changes bool
	tried   []int64
	// immediate: it needed no invitation.
	immediate bool
	// stray: it had an acceptance at another address than its spec's, and nothing said that this had been its address.
	stray bool
	// signsIn: it could sign in with a password, and mails about that could be sent. asked are the mails about its password that it had
	// asked for not too long ago.
	signsIn bool
	asked   []string
	// unrevoked: the invitation was not revoked.
	unrevoked bool
	// latest is the latest time that the operator's clock, or the right one, showed. skewed: the operator's was not right.
	latest time.Time
	skewed bool
}

// refresh updates the facts of all running tasks. It is called after every change and whenever time has passed.
func (w *world) refresh() {
	for _, o := range w.ops {
		for _, t := range o.tasks {
			w.refreshTask(t)
		}
	}
}

func (w *world) refreshTask(t *task) {
	t.facts.living = t.facts.living || w.living() != nil
	t.facts.skewed = t.facts.skewed || t.op.ahead != 0
	for _, now := range w.times(t) {
		if now.After(t.facts.latest) {
			t.facts.latest = now
		}
		w.refreshAt(t, now)
	}
}

// refreshAt updates the facts by what a clock says.
func (w *world) refreshAt(t *task, now time.Time) {
	switch t.on {
	case pools:
		if p := w.pool(t.key.Name); p != nil {
			t.facts.capacity = max(t.facts.capacity, w.seatsOf(p, nil).Capacity())
		}
	case members, expiryNotices, emailChanges, passwordResets:
		w.observe(&t.facts, t.key.Name, now)
	case invitations:
		if inv, _ := w.api.get(invitations, t.key).(*usherv1.Invitation); inv != nil {
			t.facts.unrevoked = t.facts.unrevoked || inv.Spec.State != usherv1.InvitationRevokedWish
			w.observe(&t.facts, inv.Spec.MemberRef.Name, now)
		}
	case visits:
		t.visit.admissible = t.visit.admissible || w.admissible(t, now)
		t.visit.noteInUse(w)
	}
}

func (w *world) observe(f *facts, name string, now time.Time) {
	m := w.member(name)
	secret := w.credentials(name)
	if !f.unaccepted {
		f.unaccepted = m == nil || !w.accepted(m, secret)
	}
	if !f.losable {
		f.losable = w.losable(m, secret, now)
	}
	if m == nil {
		return
	}
	f.mailable = f.mailable || w.mailable(m, secret, now)
	f.open = f.open || w.open()
	f.ending = f.ending || ending(m, now)
	f.seated = f.seated || holdsBase(m)
	f.observeEmail(w, m, secret, now)
	f.observePassword(w, m, secret, now)
}

func (w *world) member(name string) *usherv1.Member {
	m, _ := w.api.get(members, named(name)).(*usherv1.Member)
	return m
}

func (w *world) account() *usherv1.Account {
	a, _ := w.api.get(accounts, named(accountName)).(*usherv1.Account)
	return a
}

// living is the account; nil if it is being deleted.
func (w *world) living() *usherv1.Account {
	if a := w.account(); a != nil && a.DeletionTimestamp == nil {
		return a
	}
	return nil
}

// terms returns the account's terms.
func (w *world) terms() plan.Terms {
	a := w.account()
	if a == nil || a.Spec.PlanRef == nil {
		return plan.For(a, nil)
	}
	p, _ := w.api.get(plans, planKey).(*usherv1.Plan)
	return plan.For(a, p)
}

// standing is what is recorded of a member's standing, else whether the account has an older member.
func (w *world) standing(m *usherv1.Member) plan.Standing {
	if secret := w.credentials(m.Name); secret != nil && w.accepted(m, secret) && plan.Recorded(secret.Annotations) != plan.Junior {
		return plan.Recorded(secret.Annotations)
	}
	if m.IsCopy(w.account()) {
		m = m.DeepCopy() // a copy of a deleted member, which came back without its credentials
		delete(m.Annotations, usherv1.FirstMemberAnnotation)
	} else if recorded := plan.Recorded(m.Annotations); recorded != plan.Junior {
		return recorded
	}
	if slices.ContainsFunc(w.api.tables[members], func(o client.Object) bool { return plan.CameBefore(o.(*usherv1.Member), m) }) {
		return plan.Junior
	}
	return plan.Eldest
}

func (w *world) pool(name string) *usherv1.SeatPool {
	p, _ := w.api.get(pools, named(name)).(*usherv1.SeatPool)
	return p
}

func (w *world) credentials(member string) *corev1.Secret {
	s, _ := w.api.get(secrets, named(credentials.Name(member))).(*corev1.Secret)
	return s
}

// accepted reports whether credentials are a member's: they say its UID, one that it had before a restore, or that of no member of whom the
// account remembers that it was deleted.
func (w *world) accepted(m *usherv1.Member, secret *corev1.Secret) bool {
	if secret == nil || secret.Type != credentials.Type {
		return false
	}
	uid := secret.Annotations[usherv1.MemberUIDAnnotation]
	return m.Is(uid) || !w.account().Remembers(uid)
}

func (w *world) poolList() []usherv1.SeatPool {
	return collect[usherv1.SeatPool](w.api.tables[pools], func(o client.Object) bool { return o.GetNamespace() == namespace }, true)
}

func (w *world) mailable(m *usherv1.Member, secret *corev1.Secret, now time.Time) bool {
	return m.DeletionTimestamp == nil && m.Spec.State != usherv1.StateDisabled && !m.Spec.Ended(now) &&
		m.Spec.Activation != usherv1.ActivateImmediately &&
		secret == nil
}

// open reports whether the account exists, is not being deleted and is not disabled.
func (w *world) open() bool {
	a := w.living()
	return a != nil && a.Spec.State != usherv1.StateDisabled
}

// losable reports whether there is a reason for a member not to be Active.
func (w *world) losable(m *usherv1.Member, secret *corev1.Secret, now time.Time) bool {
	if m == nil || m.DeletionTimestamp != nil || m.Spec.State == usherv1.StateDisabled || m.Spec.Ended(now) ||
		!w.accepted(m, secret) || !holdsBase(m) {
		return true
	}
	if !w.open() {
		return true
	}
	all := w.poolList()
	if seat.Choose(m, all).Problem != "" || !w.terms().Fit(m) {
		return true
	}
	return slices.ContainsFunc(m.Status.Seats, func(s usherv1.MemberSeat) bool {
		return s.AddOn == "" && s.Held() && w.seatGone(m, s)
	}) || w.rival(m) != nil
}

// seatGone reports whether a seat's pool is gone, takes its seats back, or has no claim for it, unless its ledger was lost.
func (w *world) seatGone(m *usherv1.Member, s usherv1.MemberSeat) bool {
	p := w.pool(s.Pool)
	return p == nil || seat.TakesBack(p) || p.Status.ObservedGeneration >= 0 && p.Status.Claims[string(m.UID)] <= s.ReleasedGrant
}

// rival returns a member that comes before m and has its address.
func (w *world) rival(m *usherv1.Member) *usherv1.Member {
	for _, o := range w.api.tables[members] {
		if other := o.(*usherv1.Member); membership.Precedes(other, m) {
			return other
		}
	}
	return nil
}

// admissible reports whether a link may be answered, or a profile changed, now.
func (w *world) admissible(t *task, now time.Time) bool {
	v := t.visit
	switch {
	case v.profile != nil:
		return w.mayChangeProfile(v.profile, now)
	case v.confirm != nil:
		return w.mayConfirm(t.op, v.confirm.link, now)
	case v.forgot:
		return false
	case v.reset != nil:
		return w.mayReset(v.reset.link, now)
	}
	inv, _ := w.api.get(invitations, named(v.mail.name)).(*usherv1.Invitation)
	if inv == nil || inv.UID != v.mail.invitation || inv.Status.LinkGeneration != v.mail.generation ||
		inv.Spec.SendGeneration > inv.Status.SendGeneration {
		return false
	}
	if w.repeats(v, inv) {
		return true
	}
	if inv.Spec.State == usherv1.InvitationRevokedWish {
		return false
	}
	switch inv.Status.State {
	case usherv1.InvitationPending, usherv1.InvitationSending, usherv1.InvitationSent:
	default:
		return false
	}
	if inv.Status.ExpiresAt != nil && !now.Before(inv.Status.ExpiresAt.Time) {
		return false
	}
	return w.invitable(w.member(inv.Spec.MemberRef.Name), v.mail.mail.To, now) && w.open()
}

// repeats reports whether a visit only says once more that the link's member accepts: every invitee types the same password.
func (w *world) repeats(v *visit, inv *usherv1.Invitation) bool {
	m, secret := w.member(inv.Spec.MemberRef.Name), w.credentials(inv.Spec.MemberRef.Name)
	return v.accept && m != nil && m.DeletionTimestamp == nil && secret != nil &&
		!strays(m, secret) && (m.Spec.Email.SameAs(usherv1.EmailAddress(v.mail.mail.To)) || w.opensFor(m, v.mail.mail.To))
}

// invitable reports whether a member with that address may still accept.
func (w *world) invitable(m *usherv1.Member, address string, now time.Time) bool {
	return m != nil && m.DeletionTimestamp == nil && m.Spec.State != usherv1.StateDisabled && !m.Spec.Ended(now) &&
		!w.accepted(m, w.credentials(m.Name)) && m.Spec.Email.SameAs(usherv1.EmailAddress(address))
}

func conditionTrue(list []metav1.Condition, kind string) bool {
	for i := range list {
		if list[i].Type == kind {
			return list[i].Status == metav1.ConditionTrue
		}
	}
	return false
}
