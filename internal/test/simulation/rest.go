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

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/seat"
)

func readyReason(list []metav1.Condition) string {
	return conditions.Reason(list, usherv1.ConditionReady)
}

// checkRest checks that the desired state was reached.
func (w *world) checkRest() {
	w.checkGranted()
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
		// Other credentials may have been restored from a backup earlier than their member.
		remembered := w.account().Remembers(secret.Annotations[usherv1.MemberUIDAnnotation])
		if m := w.member(name); ofMember && remembered && (m == nil || !w.accepted(m, secret)) {
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
	w.checkTimesAtRest()
	if a := w.account(); a != nil && a.Status.ObservedGeneration != a.Generation {
		w.violated("converged", "the account's status is of generation %d, not %d", a.Status.ObservedGeneration, a.Generation)
	}
	w.checkWordingAtRest()
}

// checkRemindersAtRest: an invitee who has not answered an hour after the mail was reminded, unless the server refused that permanently.
func (w *world) checkRemindersAtRest() {
	a := w.living()
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

// checkWordingAtRest: TemplatesReady is what the account's templates require.
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

func (w *world) checkMemberAtRest(m *usherv1.Member) {
	w.checkAnnouncedAtRest(m)
	if m.DeletionTimestamp == nil {
		w.checkEmailAtRest(m)
	}
	if m.DeletionTimestamp != nil {
		w.violated("converged", "member %s was deleted and is there", m.Name)
		return
	}
	state, reason, held := m.Status.State, readyReason(m.Status.Conditions), holdsBase(m)
	is := fmt.Sprintf("%s %s, seat %t", state, reason, held)
	accepted := w.accepted(m, w.credentials(m.Name))
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

// wantWithheld returns the states that a member may have if its spec, account, plan, pools or address keep it from access; nil if they
// do not.
func (w *world) wantWithheld(m *usherv1.Member, given plan.Assignment) []string {
	seatKept := fmt.Sprintf(", seat %t", holdsBase(m))
	a := w.account()
	switch {
	case m.Spec.State == usherv1.StateDisabled:
		return []string{"Disabled DisabledBySpec, seat false"}
	case w.ended(m):
		return []string{"Disabled AccessEnded, seat false"}
	case a == nil:
		return []string{"Pending AccountNotFound, seat false"}
	case a.DeletionTimestamp != nil:
		return []string{"Pending AccountDeleting, seat false"}
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
	case ofUser(w.credentials(m.Name)):
		return []string{"Pending CredentialsInvalid" + seatKept}
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

// seatsOf returns the seats that a pool should have among others.
func (w *world) seatsOf(p *usherv1.SeatPool, others []usherv1.SeatPool) plan.Seats {
	if w.living() == nil {
		return plan.SeatsWithoutAccount(p)
	}
	return w.terms().SeatsOf(p, others)
}

// roomIn reports whether a pool has a free seat.
func (w *world) roomIn(pool string) bool {
	p := w.pool(pool)
	return p != nil && len(p.Status.Claims) < w.seatsOf(p, w.poolList()).Capacity()
}

// wantInvited returns the states that a member may have that has not answered its invitation.
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

// wantUnasked returns the states that a member may have that cannot be invited because it has no pool or no seat; nil if it can.
func (w *world) wantUnasked(m *usherv1.Member, choice seat.Choice) []string {
	held := holdsBase(m)
	switch {
	case w.reservesOnInvitation(choice) && !held && !w.roomIn(choice.Base):
		return []string{"Pending SeatUnavailable, seat false"}
	}
	return nil
}

// reservesOnInvitation reports whether the member's base pool takes a seat for it before it is invited.
func (w *world) reservesOnInvitation(choice seat.Choice) bool {
	return w.pool(choice.Base).Spec.Reservation == usherv1.ReserveOnInvitation
}

// invitationOf returns the Invitation that the member's status names.
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

// describe returns the line of a change in a trace.
func describe(c change) string {
	switch o := c.after.(type) {
	case *usherv1.Member:
		asked := ""
		if o.Status.InvitationRef != nil {
			asked = o.Status.InvitationRef.Name
		}
		return fmt.Sprintf("rev %s gen %d %s %s seats %v accepted %v invitation %q email %s %s change %s",
			o.ResourceVersion, o.Generation, o.Status.State, readyReason(o.Status.Conditions), o.Status.Seats, o.Status.AcceptedAt != nil, asked,
			o.Spec.Email, o.Status.Email, describeChange(o.Status.EmailChange))
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

// describeChange returns what the line of a Member says of a change of its address.
func describeChange(c *usherv1.EmailChange) string {
	if c == nil {
		return "none"
	}
	text := fmt.Sprintf("to %s requested %v expires %v", c.Email, c.RequestedAt, c.ExpiresAt)
	for _, m := range c.Mails {
		text += fmt.Sprintf(" %s %s attempts %d", m.To, m.State, m.Attempts)
	}
	return text
}
