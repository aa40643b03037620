// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	creds "github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/seat"
)

// How long a keeper is given to hand out a seat that is free, before the Member looks again, and before it says that it waits.
const (
	keeperPause    = 2 * time.Second
	keeperPatience = 5 * time.Second
)

// withdrawalPause is when a Member that is not Active any more looks again whether its access is gone, if nobody tells it before.
const withdrawalPause = time.Second

// custody is what happens to the seats that a Member holds.
type custody int

const (
	wanted   custody = iota // taken and kept in the pools of its choice
	kept                    // neither taken nor given back
	released                // given back
)

// verdict is a state with its reason, what to tell about it, and what it means for the seats.
type verdict struct {
	state   usherv1.ObservedState
	reason  string
	outlook conditions.Outlook
	message string
	seats   custody
	// own: the Member's own object says so, so no old cache of another can be wrong about it.
	own bool
}

// Decide returns what the observed Member is at now.
func Decide(o Observation, now time.Time) Decision {
	m := o.Member
	d := Decision{Status: *m.Status.DeepCopy()}
	s := &d.Status
	s.ObservedGeneration = m.Generation

	accepted := d.judgeCredentials(o, now)
	s.AcceptedAt, s.ProfileGeneration = nil, 0
	if accepted {
		s.AcceptedAt, s.ProfileGeneration = &o.Credentials.AcceptedAt, o.Credentials.ProfileGeneration
	}
	d.RotateToken = accepted && m.Status.State != usherv1.ObservedActive && m.Status.DisabledAt != nil &&
		!o.Credentials.TokenRotatedFor.Equal(m.Status.DisabledAt.Time)
	given := o.terms().Assign(m, accepted, o.First)
	if m.DeletionTimestamp == nil || s.Role == "" { // who leaves is remembered with the role that it had
		s.Role, s.Rights = given.Role, given.Rights
	}
	s.DisplayName = displayName(o, accepted)
	recordInvitation(s, o)

	choice := o.choice()
	v := d.judge(o, choice, given, accepted, now)
	s.Seats = settleSeats(o, choice, v.seats, accepted)
	if accepted && v.state == usherv1.ObservedActive {
		v = d.refineActive(o, choice, now)
	}
	if v.state == usherv1.ObservedPending && v.seats == wanted {
		v = d.refinePending(o, choice, v, accepted, now)
	}

	if ends := m.Spec.AccessUntil; ends != nil && m.DeletionTimestamp == nil && now.Before(ends.Time) {
		d.wakeBy(ends.Time)
	}
	lingers := v.state != usherv1.ObservedActive && m.Status.ActivatedAt != nil && (!o.Withdrawn || d.RotateToken)
	if lingers {
		if d.Awaits = retain(o, s.Seats); d.Awaits {
			d.wakeBy(now.Add(withdrawalPause))
		}
	}
	recordState(s, m, v, now)
	// An old ledger, in which the claim of a seat is missing, would have the seat go before the access that it gave.
	d.Withdraws = (!v.own || lingers && !d.Awaits) && takesAway(m.Status, *s)
	d.Elevates = o.First && m.Status.Role != s.Role
	describe(s, o, choice, v, now)
	d.Forget = m.DeletionTimestamp != nil && o.Credentials == nil && nothingClaimed(o) && remembered(o) && d.mayGo(o)
	return d
}

// judgeCredentials tells whether the Member has accepted, and what is to be done about credentials that say otherwise.
func (d *Decision) judgeCredentials(o Observation, now time.Time) bool {
	m, c := o.Member, o.Credentials
	switch {
	case m.DeletionTimestamp != nil:
		d.DropCredentials = c != nil
		return false
	case c == nil:
		d.MakeCredentials = m.Spec.Activation == usherv1.ActivateImmediately && m.Spec.State != usherv1.StateDisabled &&
			!accessEnded(m, now) && o.Account != nil && o.Rival == "" && o.choice().Problem == "" && o.terms().Fit(m)
		return false
	}
	switch creds.AcceptanceOf(c, m, o.Account) {
	case creds.OfEarlierMember, creds.OfAnotherAddress:
		d.DropCredentials = true
		return false
	case creds.AcceptedAtFormerAddress:
		d.MoveCredentials = true
	}
	return true
}

// judge finds the first line of the table in doc.go that holds, as far as that does not depend on the seats held.
func (d *Decision) judge(o Observation, choice seat.Choice, given plan.Assignment, accepted bool, now time.Time) verdict {
	m := o.Member
	switch {
	case m.DeletionTimestamp != nil:
		return d.judgeLeaving(o)
	case m.Spec.State == usherv1.StateDisabled:
		return verdict{usherv1.ObservedDisabled, usherv1.ReasonDisabledBySpec, conditions.Done, "Access is withdrawn and the seat is free; set spec.state to Active to bring the member back", released, true}
	case accessEnded(m, now):
		return verdict{usherv1.ObservedDisabled, usherv1.ReasonAccessEnded, conditions.Done, "Access ended at " + until(m.Spec.AccessUntil) + " and the seat is free; set spec.accessUntil to a later time, or remove it, to bring the member back", released, true}
	case o.Account == nil:
		return verdict{usherv1.ObservedPending, usherv1.ReasonAccountNotFound, conditions.Stuck, "There is no Account " + m.Spec.AccountRef.Name + " in this namespace; create it", released, false}
	case o.Account.Spec.State == usherv1.StateDisabled:
		return verdict{usherv1.ObservedDisabled, usherv1.ReasonAccountDisabled, conditions.Done, "Account " + o.Account.Name + " is disabled; seats are kept", kept, false}
	case o.terms().Problem != "":
		return verdict{usherv1.ObservedPending, usherv1.ReasonPlanNotFound, conditions.Stuck, o.terms().Problem, kept, false}
	case choice.Problem != "":
		return verdict{usherv1.ObservedPending, usherv1.ReasonSeatPoolNotFound, conditions.Stuck, choice.Problem, kept, false}
	case o.Rival != "":
		return verdict{usherv1.ObservedPending, usherv1.ReasonDuplicateEmail, conditions.Stuck, "Member " + o.Rival + " of this account has this address and came first; correct one of them", released, false}
	case given.Reason != "":
		return verdict{usherv1.ObservedPending, given.Reason, conditions.Stuck, given.Problem, kept, false}
	case accepted:
		return verdict{state: usherv1.ObservedActive, seats: wanted}
	case m.Spec.Activation == usherv1.ActivateImmediately:
		return verdict{usherv1.ObservedPending, usherv1.ReasonInviting, conditions.Working, "Credentials are being made", kept, false}
	}
	return judgeInvitation(o)
}

func judgeInvitation(o Observation) verdict {
	inv := o.Invitation
	stuck := func(reason, message string) verdict {
		return verdict{usherv1.ObservedPending, reason, conditions.Stuck, message, released, false}
	}
	pending := verdict{state: usherv1.ObservedPending, seats: wanted}
	switch {
	case inv == nil:
		return pending
	case inv.Spec.State == usherv1.InvitationRevokedWish:
		return stuck(usherv1.ReasonInvitationRevoked, "The invitation was revoked; set its spec.state to Open and raise its spec.sendGeneration to ask again")
	case invite.Asked(inv, string(o.Member.Spec.Email)):
		return pending
	}
	switch inv.Status.State {
	case usherv1.InvitationDeclined:
		return stuck(usherv1.ReasonInvitationDeclined, "The invitee declined; raise the Invitation's spec.sendGeneration to ask again")
	case usherv1.InvitationExpired:
		return stuck(usherv1.ReasonInvitationExpired, "Nobody answered in time; raise the Invitation's spec.sendGeneration to ask again")
	case usherv1.InvitationFailed:
		return stuck(usherv1.ReasonMailRejected, invite.Failed(&inv.Status))
	}
	return pending
}

// refineActive settles what an accepted Member is, now that it is known which seats it holds.
func (d *Decision) refineActive(o Observation, choice seat.Choice, now time.Time) verdict {
	base, complete := holds(d.Status.Seats, choice)
	switch {
	case !base:
		d.awaitKeeper(o, o.pool(choice.Base), now)
		return verdict{usherv1.ObservedPending, usherv1.ReasonSeatUnavailable, conditions.Working, "Every seat of " + choice.Base + " is taken; access starts by itself as soon as one is free", kept, false}
	case !complete:
		return verdict{usherv1.ObservedActive, usherv1.ReasonAddOnSeatUnavailable, conditions.Done, "Has access; waiting for a seat of " + missingSeats(d.Status.Seats, choice), kept, false}
	case o.Member.Spec.Activation == usherv1.ActivateImmediately:
		return verdict{usherv1.ObservedActive, usherv1.ReasonActivated, conditions.Done, "Has access", kept, false}
	}
	return verdict{usherv1.ObservedActive, usherv1.ReasonAccepted, conditions.Done, "Accepted and has access", kept, false}
}

// refinePending settles what a Member is that has not accepted and was not given up.
func (d *Decision) refinePending(o Observation, choice seat.Choice, v verdict, accepted bool, now time.Time) verdict {
	if accepted || v.reason != "" {
		return v
	}
	inv := o.Invitation
	pending := func(reason string, outlook conditions.Outlook, message string) verdict {
		return verdict{usherv1.ObservedPending, reason, outlook, message, kept, false}
	}
	asked := inv == nil || invite.Asked(inv, string(o.Member.Spec.Email))
	base := o.pool(choice.Base)
	holdsBase, _ := holds(d.Status.Seats, choice)
	switch {
	case !asked && inv.Status.State == usherv1.InvitationSent:
		return pending(usherv1.ReasonAwaitingAcceptance, conditions.Done, "Invited; the link works until "+until(inv.Status.ExpiresAt))
	case len(choice.Missing) > 0:
		return pending(usherv1.ReasonSeatPoolNotFound, conditions.Stuck, "There is no SeatPool "+strings.Join(choice.Missing, ", ")+" in this account; create it or correct spec.seatPoolRefs")
	case o.NameTaken:
		return pending(usherv1.ReasonInviting, conditions.Stuck, "The Invitation "+o.Member.Name+" invites somebody else; delete it, or write another Invitation that names this Member")
	case !holdsBase && !seat.WaitsForAcceptance(base, false):
		d.awaitKeeper(o, base, now)
		return pending(usherv1.ReasonSeatUnavailable, conditions.Working, "Every seat of "+choice.Base+" is taken; the invitation goes out by itself as soon as one is free")
	}
	d.Invite = inv == nil
	if d.Status.InvitationRef == nil {
		d.Status.InvitationRef = &usherv1.InvitationReference{Name: o.Member.Name}
	}
	if mail := meta.FindStatusCondition(o.Account.Status.Conditions, usherv1.ConditionMailReady); mail != nil && mail.Status == metav1.ConditionFalse {
		return pending(usherv1.ReasonMailNotReady, conditions.Working, "No mail can be sent ("+mail.Reason+"): "+mail.Message)
	}
	if inv != nil && inv.Status.LastError != nil && inv.Status.LastError.Class == usherv1.ErrorConfiguration {
		return pending(usherv1.ReasonMailNotReady, conditions.Working, "The mail server did not take the mail ("+inv.Status.LastError.Code+"); trying again")
	}
	if inv != nil && invite.Waits(&inv.Status) {
		why := conditions.Reason(inv.Status.Conditions, usherv1.ConditionReady)
		return pending(usherv1.ReasonInviting, conditions.Working, invite.Waiting(why, inv.Status.NextAttemptAt.Time))
	}
	return pending(usherv1.ReasonInviting, conditions.Working, "The invitation is on its way")
}

// accessEnded tells whether the Member's access has ended, or had for its present spec by some other clock: an end is not undone by
// a clock that is slow.
func accessEnded(m *usherv1.Member, now time.Time) bool {
	return m.Spec.Ended(now) || m.Spec.AccessUntil != nil && m.Status.ObservedGeneration == m.Generation &&
		conditions.Reason(m.Status.Conditions, usherv1.ConditionReady) == usherv1.ReasonAccessEnded
}

// wakeBy has the Member looked at again at a time, or before.
func (d *Decision) wakeBy(at time.Time) {
	if d.Wake.IsZero() || at.Before(d.Wake) {
		d.Wake = at
	}
}

// awaitKeeper is for a Member without a seat in a pool that seems to have one: its keeper is about to say so. A new Member says
// nothing until then, which saves a write and a reason that would hold for milliseconds.
func (d *Decision) awaitKeeper(o Observation, pool *usherv1.SeatPool, now time.Time) {
	full := pool.Status.ObservedGeneration >= 0 && pool.Status.Available != nil && *pool.Status.Available == 0
	if full {
		return
	}
	d.wakeBy(now.Add(keeperPause))
	// A keeper that waits for an acceptance learns of it from what is written now.
	unaware := seat.WaitsForAcceptance(pool, o.Member.Status.AcceptedAt != nil)
	d.Hold = o.Member.Status.State == "" && !unaware && now.Before(o.Member.CreationTimestamp.Add(keeperPatience))
}
