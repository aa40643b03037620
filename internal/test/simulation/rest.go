// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s.io/utils/ptr"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/seat"
)

func readyReason(list []metav1.Condition) string {
	return conditions.Reason(list, usherv1.ConditionReady)
}

// checkRest: what was wanted is.
func (w *world) checkRest() {
	for _, o := range w.api.tables[members] {
		w.checkMemberAtRest(o.(*usherv1.Member))
	}
	w.checkAccessAtRest()
	w.checkAdminsAtRest()
	w.checkPasswordsAtRest()
	for _, o := range w.api.tables[pools] {
		w.checkPoolAtRest(o.(*usherv1.SeatPool))
	}
	for _, o := range w.api.tables[secrets] {
		secret := o.(*corev1.Secret)
		name, ofMember := strings.CutPrefix(secret.Name, "usher-member-")
		// Others may have been restored before their member.
		remembered := w.account().Remembers(secret.Annotations[usherv1.MemberUIDAnnotation])
		if m := w.member(name); ofMember && remembered && (m == nil || !acceptedBy(m, secret)) {
			w.violated("nothing-left", "the credentials of member %s, who is gone, are there", name)
		}
	}
	for _, o := range w.api.tables[invitations] {
		owner := metav1.GetControllerOf(o)
		if owner == nil {
			continue
		}
		if m := w.member(owner.Name); m == nil || m.UID != owner.UID {
			w.violated("nothing-left", "the invitation %s of a member who is gone is there", o.GetName())
		}
	}
	w.checkRemindersAtRest()
	if a := w.account(); a != nil && a.Status.ObservedGeneration != a.Generation {
		w.violated("converged", "the account's status is of generation %d, not %d", a.Status.ObservedGeneration, a.Generation)
	}
	w.checkWordingAtRest()
}

// checkRemindersAtRest: an invitee who has not answered an hour after the mail was reminded, unless the server refused that for good.
func (w *world) checkRemindersAtRest() {
	a := w.account()
	for _, o := range w.api.tables[invitations] {
		inv := o.(*usherv1.Invitation)
		m, s := w.member(inv.Spec.MemberRef.Name), &inv.Status
		if a == nil || m == nil || a.DeliversByLink() || s.MessageID == "" ||
			s.State != usherv1.InvitationSent || readyReason(m.Status.Conditions) != usherv1.ReasonAwaitingAcceptance ||
			m.Status.InvitationRef == nil || m.Status.InvitationRef.Name != inv.Name {
			continue
		}
		left, before := s.ExpiresAt.Sub(w.now()), firstReminder.Duration()
		i := slices.IndexFunc(s.Reminders, func(r usherv1.Reminder) bool { return r.Before == firstReminder })
		if left < before && left > before/2 && (i < 0 || s.Reminders[i].NextAttemptAt != nil) {
			w.violated("converged", "the invitee of %s was not reminded %s before the end", inv.Name, left)
		}
	}
}

// checkWordingAtRest: the account says of its wording what is true of it.
func (w *world) checkWordingAtRest() {
	a := w.account()
	if a == nil {
		return
	}
	want := usherv1.ReasonConfigMapNotFound
	if wording, _ := w.api.get(configMaps, named(templatesName)).(*corev1.ConfigMap); wording != nil {
		want = usherv1.ReasonTemplatesReady
		if maps.Equal(wording.Data, templates["wrong"]) {
			want = usherv1.ReasonTemplateInvalid
		}
	}
	if is := conditions.Reason(a.Status.Conditions, usherv1.ConditionTemplatesReady); is != want {
		w.violated("converged", "the account says %s of its wording; should say %s", is, want)
	}
}

func (w *world) checkPoolAtRest(p *usherv1.SeatPool) {
	if p.DeletionTimestamp != nil {
		w.violated("converged", "pool %s was deleted and is there, with %d claims", p.Name, len(p.Status.Claims))
	}
	if want := w.terms().SeatsOf(p, w.poolList()).Capacity(); p.DeletionTimestamp == nil && int(ptr.Deref(p.Status.Capacity, 0)) != want {
		w.violated("converged", "pool %s has %d seats; should have %d", p.Name, ptr.Deref(p.Status.Capacity, 0), want)
	}
	if p.Status.ObservedGeneration != p.Generation {
		w.violated("converged", "pool %s's status is of generation %d, not %d", p.Name, p.Status.ObservedGeneration, p.Generation)
	}
	known := 0
	addresses := map[string]bool{}
	for _, o := range w.api.tables[members] {
		m := o.(*usherv1.Member)
		grant, claimed := p.Status.Claims[string(m.UID)]
		if !claimed {
			continue
		}
		known++
		// No member is a duplicate while the account is disabled, or the plan is not there.
		reason := readyReason(m.Status.Conditions)
		if reason == usherv1.ReasonAccountDisabled || reason == usherv1.ReasonPlanNotFound {
			continue
		}
		if address := m.Spec.Email.Key(); addresses[address] {
			w.violated("one-seat-per-address", "two claims in pool %s stand for one address", p.Name)
		} else {
			addresses[address] = true
		}
		for _, s := range m.Status.Seats {
			if s.Pool == p.Name && s.ReleasedGrant >= grant {
				w.violated("nothing-leaks", "member %s gave grant %d of pool %s back, and its claim is there", m.Name, grant, p.Name)
			}
		}
	}
	if known != len(p.Status.Claims) {
		w.violated("nothing-leaks", "%d claims of pool %s belong to no member", len(p.Status.Claims)-known, p.Name)
	}
}

func (w *world) checkMemberAtRest(m *usherv1.Member) {
	w.checkAnnouncedAtRest(m)
	if m.DeletionTimestamp != nil {
		w.violated("converged", "member %s was deleted and is there", m.Name)
		return
	}
	state, reason, held := m.Status.State, readyReason(m.Status.Conditions), holdsBase(m)
	is := fmt.Sprintf("%s %s, seat %t", state, reason, held)
	accepted := acceptedBy(m, w.credentials(m.Name))
	given := w.terms().Assign(m, accepted, w.standing(m))
	if m.Status.Role != given.Role || !slices.Equal(m.Status.Rights, given.Rights) {
		w.violated("converged", "member %s has role %q and rights %v; should be %q and %v",
			m.Name, m.Status.Role, m.Status.Rights, given.Role, given.Rights)
	}
	want := w.wantWithheld(m, given)
	switch {
	case want != nil:
	case accepted:
		want = w.wantAccepted(m, seat.Choose(m, w.poolList()))
	case m.Spec.Activation == usherv1.ActivateImmediately:
		want = []string{"credentials"}
	default:
		want = w.wantInvited(m, seat.Choose(m, w.poolList()))
	}
	if !slices.Contains(want, is) {
		w.violated("converged", "member %s is %s; should be %s", m.Name, is, strings.Join(want, " or "))
	}
}

// wantWithheld returns what a member should be whose spec, account, plan, pools or address keep it from access; nil for none of them.
func (w *world) wantWithheld(m *usherv1.Member, given plan.Assignment) []string {
	seatKept := fmt.Sprintf(", seat %t", holdsBase(m))
	a := w.account()
	switch {
	case m.Spec.State == usherv1.StateDisabled:
		return []string{"Disabled DisabledBySpec, seat false"}
	case m.Spec.Ended(w.now()):
		return []string{"Disabled AccessEnded, seat false"}
	case a == nil:
		return []string{"Pending AccountNotFound, seat false"}
	case a.Spec.State == usherv1.StateDisabled:
		return []string{"Disabled AccountDisabled" + seatKept}
	case w.terms().Problem != "":
		return []string{"Pending PlanNotFound" + seatKept}
	case w.rival(m) != nil:
		return []string{"Pending DuplicateEmail, seat false"}
	case seat.Choose(m, w.poolList()).Problem != "":
		return []string{"Pending SeatPoolNotFound" + seatKept}
	case given.Reason != "":
		return []string{"Pending " + given.Reason + seatKept}
	}
	return nil
}

func (w *world) wantAccepted(m *usherv1.Member, choice seat.Choice) []string {
	if !holdsBase(m) {
		if w.roomIn(choice.Base) {
			return []string{"Active, since there is a free seat"}
		}
		return []string{"Pending SeatUnavailable, seat false"}
	}
	return []string{"Active Accepted, seat true", "Active Activated, seat true", "Active AddOnSeatUnavailable, seat true"}
}

// roomIn reports whether a pool has a free seat.
func (w *world) roomIn(pool string) bool {
	p := w.pool(pool)
	return p != nil && len(p.Status.Claims) < w.terms().SeatsOf(p, w.poolList()).Capacity()
}

// wantInvited returns what a member should be that has yet to answer its invitation.
func (w *world) wantInvited(m *usherv1.Member, choice seat.Choice) []string {
	inv := w.invitationOf(m)
	switch {
	case inv == nil:
		if want := w.wantUnasked(m, choice); want != nil {
			return want
		}
		if w.api.get(invitations, named(m.Name)) != nil {
			return []string{fmt.Sprintf("Pending Inviting, seat %t", holdsBase(m))} // its name is taken
		}
		return []string{"invited"}
	case inv.Spec.State == usherv1.InvitationRevokedWish:
		return []string{"Pending InvitationRevoked, seat false"}
	case invite.Asked(inv, string(m.Spec.Email)):
		if want := w.wantUnasked(m, choice); want != nil {
			return want
		}
		return []string{"invited anew"}
	}
	switch inv.Status.State {
	case usherv1.InvitationSent:
		// A member that was invited while no seat was needed is not invited again when one is.
		reserved := holdsBase(m) || w.reservesOnInvitation(choice) && w.roomIn(choice.Base)
		return []string{fmt.Sprintf("Pending AwaitingAcceptance, seat %t", reserved)}
	case usherv1.InvitationExpired:
		return []string{"Pending InvitationExpired, seat false"}
	case usherv1.InvitationDeclined:
		return []string{"Pending InvitationDeclined, seat false"}
	case usherv1.InvitationFailed:
		return []string{"Pending MailRejected, seat false"}
	}
	if want := w.wantUnasked(m, choice); want != nil {
		return want
	}
	return []string{"asked; the invitation is " + string(inv.Status.State)}
}

// wantUnasked returns what a member should be that cannot be invited for want of a pool or of a seat; nil if it can be.
func (w *world) wantUnasked(m *usherv1.Member, choice seat.Choice) []string {
	held := holdsBase(m)
	switch {
	case len(choice.Missing) > 0:
		return []string{fmt.Sprintf("Pending SeatPoolNotFound, seat %t", held)}
	case w.reservesOnInvitation(choice) && !held && !w.roomIn(choice.Base):
		return []string{"Pending SeatUnavailable, seat false"}
	}
	return nil
}

// reservesOnInvitation reports whether the member's base pool takes a seat for it before it is invited.
func (w *world) reservesOnInvitation(choice seat.Choice) bool {
	return w.pool(choice.Base).Spec.Reservation == usherv1.ReserveOnInvitation
}

// invitationOf is the invitation that the member says it is asked with.
func (w *world) invitationOf(m *usherv1.Member) *usherv1.Invitation {
	if m.Status.InvitationRef == nil {
		return nil
	}
	inv, _ := w.api.get(invitations, named(m.Status.InvitationRef.Name)).(*usherv1.Invitation)
	if inv == nil || inv.Spec.MemberRef.Name != m.Name {
		return nil
	}
	return inv
}

// describe tells of a change in a trace.
func describe(c change) string {
	switch o := c.after.(type) {
	case *usherv1.Member:
		asked := ""
		if o.Status.InvitationRef != nil {
			asked = o.Status.InvitationRef.Name
		}
		return fmt.Sprintf("rev %s gen %d %s %s seats %v accepted %v invitation %q",
			o.ResourceVersion, o.Generation, o.Status.State, readyReason(o.Status.Conditions), o.Status.Seats, o.Status.AcceptedAt != nil, asked)
	case *usherv1.SeatPool:
		return fmt.Sprintf("rev %s gen %d claims %v of %d", o.ResourceVersion, o.Generation, o.Status.Claims, capacityOf(o))
	case *usherv1.Invitation:
		return fmt.Sprintf("rev %s gen %d %s link %d attempts %d",
			o.ResourceVersion, o.Generation, o.Status.State, o.Status.LinkGeneration, o.Status.Attempts)
	case *usherv1.Account:
		return fmt.Sprintf("rev %s gen %d %s mail %s",
			o.ResourceVersion, o.Generation, o.Status.State, conditions.Reason(o.Status.Conditions, usherv1.ConditionMailReady))
	case nil:
		return "gone"
	}
	return "rev " + c.after.GetResourceVersion()
}
