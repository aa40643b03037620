// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/reason"
	"github.com/usher-dev/usher/internal/seat"
)

// How long the SeatPool controller has to give the Member a free seat, before the Member looks again, and before it says that it waits.
const (
	seatPause    = 2 * time.Second
	seatPatience = 5 * time.Second
)

// keysPause is when credentials that no known key has signed are looked at again: no event says that the key has come back where the
// manager does not watch its own namespace.
const keysPause = time.Minute

// withdrawalPause is when a Member that is no longer Active looks again whether its access is gone, if no event comes before.
const withdrawalPause = time.Second

// Decide returns what the observed Member is at now.
func Decide(o Observation, now time.Time) Decision {
	d, _ := decide(o, now)
	return d
}

func decide(o Observation, now time.Time) (Decision, verdict) {
	m := o.Member
	d := Decision{Status: *m.Status.DeepCopy()}
	s := &d.Status
	s.ObservedGeneration = m.Generation

	accepted := d.judgeCredentials(o)
	d.settleStanding(o, accepted)
	d.adopt(o, accepted)
	given := o.terms().Assign(m, accepted, o.standing())
	recordPerson(s, o, accepted, given)
	recordInvitation(s, o)
	d.settleEmail(o, accepted, now)

	choice := o.choice()
	if m.DeletionTimestamp == nil && choice.RecordsBase(m, o.Pools) {
		d.MarkPool = choice.Base
	}
	v := d.judge(o, choice, given, accepted, now)
	s.Seats = settleSeats(o, choice, v.Custody, accepted)
	switch {
	case v.decided():
	case accepted:
		v = d.judgeAccepted(o, choice, now)
	default:
		v = d.judgeInvited(o, choice, now)
	}

	if ends := m.Spec.AccessUntil; ends != nil && m.DeletionTimestamp == nil && now.Before(ends.Time) {
		d.wakeBy(ends.Time)
	}
	d.withdraw(o, v, now)
	recordState(s, m, v, now)
	if again := describe(s, o, choice, v, d.email, now); !again.IsZero() {
		d.wakeBy(again)
	}
	d.Forget = m.DeletionTimestamp != nil && nothingIsLeft(o)
	d.needsLiveReads = needsLiveReads(d, m)
	return d, v
}

// nothingIsLeft reports whether a Member that is being deleted can go.
func nothingIsLeft(o Observation) bool {
	return (o.Credentials == nil || o.acceptance().LeftAlone()) && nothingClaimed(o) && remembered(o) && mayGo(o)
}

func needsLiveReads(d Decision, m *usherv1.Member) bool {
	return d.Withdraws || d.GrantsOwnerRole || d.MoveCredentials || d.recordsStanding() || d.DropCredentials || m.DeletionTimestamp != nil ||
		d.AwaitsWithdrawal && m.Status.State != usherv1.ObservedActive
}

// recordsStanding reports whether the Member's standing is written somewhere, for good.
func (d *Decision) recordsStanding() bool {
	return d.MarkStanding || d.RecordStanding || (d.MakeCredentials || d.TakeOverCredentials) && d.Standing != plan.Junior
}

// judge finds the first line of the table in doc.go that holds, as far as that does not depend on the seats held.
func (d *Decision) judge(o Observation, choice seat.Choice, given plan.Assignment, accepted bool, now time.Time) verdict {
	m := o.Member
	switch {
	case m.DeletionTimestamp != nil:
		return d.judgeDeleted(o)
	case m.Spec.State == usherv1.StateDisabled:
		return saysDisabledBySpec()
	case reason.AccessEnded(m, now):
		return saysAccessEnded(m.Spec.AccessUntil)
	case o.Account == nil:
		return saysAccountNotFound(m.Spec.AccountRef.Name)
	case o.Account.DeletionTimestamp != nil:
		return saysAccountDeleting(o.Account.Name)
	case o.Account.Spec.State == usherv1.StateDisabled:
		return saysAccountDisabled(o.Account.Name)
	case o.terms().Problem != "":
		return saysPlanNotFound(o.terms().Problem)
	case o.Rival != "": // before the pool: a duplicate that keeps its seat would keep the rival from it
		return saysDuplicateEmail(o.Rival)
	case choice.Problem != "":
		return saysSeatPoolNotFound(choice.Problem)
	case given.Reason != "":
		return saysNotInPlan(given.Reason, given.Problem)
	case accepted:
		return undecided
	}
	return d.judgeNewcomer(o, now)
}

// judgeNewcomer continues judge for a Member that has not accepted.
func (d *Decision) judgeNewcomer(o Observation, now time.Time) verdict {
	m := o.Member
	_, err := m.Spec.Email.Mailbox()
	switch {
	case o.importable():
		d.TakeOverCredentials = true
		return saysMakingCredentials()
	case o.acceptance().LeftAlone():
		if !o.Credentials.Foreign {
			d.wakeBy(now.Add(keysPause))
		}
		return saysCredentialsInvalid(o)
	case err != nil:
		return saysNoMailbox(err)
	case m.Spec.Activation == usherv1.ActivateImmediately:
		d.MakeCredentials = o.Credentials == nil
		return saysMakingCredentials()
	}
	return judgeInvitation(o)
}

// judgeInvitation finds an Invitation whose end is the Member's, too.
func judgeInvitation(o Observation) verdict {
	inv := o.Invitation
	switch {
	case inv == nil:
		return undecided
	case inv.Spec.State == usherv1.InvitationRevokedWish:
		return saysInvitationRevoked(inv)
	case invite.Asked(inv, string(o.Member.Spec.Email)):
		return undecided
	}
	switch inv.Status.State {
	case usherv1.InvitationDeclined:
		return saysInvitationDeclined(inv)
	case usherv1.InvitationExpired:
		return saysInvitationExpired(inv)
	case usherv1.InvitationFailed:
		return saysMailRejected(inv)
	}
	return undecided
}

// judgeAccepted decides what an accepted Member is, now that it is known which seats it holds.
func (d *Decision) judgeAccepted(o Observation, choice seat.Choice, now time.Time) verdict {
	base, complete := holds(d.Status.Seats, choice)
	switch {
	case !base:
		full := d.awaitSeat(o, o.pool(choice.Base), now)
		return saysNoSeatForAccess(o.pool(choice.Base), o.terms().SeatsOf(o.pool(choice.Base), o.Pools), full)
	case !complete:
		return saysAddOnSeatUnavailable(waitsFor(d.Status.Seats, choice))
	case o.Member.Spec.Activation == usherv1.ActivateImmediately:
		return saysActivated()
	}
	return saysAccepted()
}

// judgeInvited decides what a Member is that has not accepted and whose Invitation has not ended.
func (d *Decision) judgeInvited(o Observation, choice seat.Choice, now time.Time) verdict {
	inv := o.Invitation
	asked := inv == nil || invite.Asked(inv, string(o.Member.Spec.Email))
	base := o.pool(choice.Base)
	holdsBase, _ := holds(d.Status.Seats, choice)
	switch {
	case !asked && inv.Status.State == usherv1.InvitationSent:
		if reason.OfInvitation(&inv.Status).LinkInvalid {
			return saysLinkInvalid(inv)
		}
		return saysAwaitingAcceptance(inv.Status.ExpiresAt)
	case o.NameTaken:
		return saysNameTaken(o.Member.Name)
	case !holdsBase && !seat.WaitsForAcceptance(base, false):
		full := d.awaitSeat(o, base, now)
		return saysNoSeatForInvitation(base, o.terms().SeatsOf(base, o.Pools), full)
	}
	d.Invite = inv == nil
	if d.Status.InvitationRef == nil {
		d.Status.InvitationRef = &usherv1.InvitationReference{Name: o.Member.Name}
	}
	return judgeMail(o)
}

// judgeMail decides what a Member is whose Invitation may be sent.
func judgeMail(o Observation) verdict {
	mail := meta.FindStatusCondition(o.Account.Status.Conditions, usherv1.ConditionMailReady)
	inv := o.Invitation
	switch {
	case mail != nil && mail.Status == metav1.ConditionFalse:
		return saysNoMailCanBeSent(mail)
	case inv == nil:
		return saysInviting()
	case inv.Status.LastError != nil && inv.Status.LastError.Class == usherv1.ErrorConfiguration:
		return saysMailNotTaken(inv.Status.LastError)
	case invite.Waits(&inv.Status):
		return saysMailLimited(inv)
	case inv.Status.LastError != nil && inv.Status.NextAttemptAt != nil:
		return saysMailDelayed(inv)
	}
	return saysInviting()
}

// wakeBy has the Member looked at again at that time, or before.
func (d *Decision) wakeBy(at time.Time) {
	if d.Wake.IsZero() || at.Before(d.Wake) {
		d.Wake = at
	}
}

// awaitSeat is for a Member without a seat in a pool that seems to have one: the SeatPool controller is about to give it. A new Member
// says nothing until then, which saves a write and a reason that would hold for milliseconds. awaitSeat reports whether the pool says that
// it is full.
func (d *Decision) awaitSeat(o Observation, pool *usherv1.SeatPool, now time.Time) (full bool) {
	if pool.Status.ObservedGeneration >= 0 && pool.Status.Available != nil && *pool.Status.Available == 0 {
		return true
	}
	d.wakeBy(now.Add(seatPause))
	// A pool that reserves on acceptance learns of the acceptance from what is written now. After a restore every pool does: members
	// that had accepted come before those that had not.
	unaware := seat.WaitsForAcceptance(pool, o.Member.Status.AcceptedAt != nil) ||
		restored(o) && o.Member.Status.AcceptedAt == nil && d.Status.AcceptedAt != nil
	age := now.Sub(o.Member.CreationTimestamp.Time) // below zero by a slow clock
	d.DeferStatus = o.Member.Status.State == "" && !unaware && age > -seatPatience && age < seatPatience
	return false
}

// withdraw decides how a Member that is no longer Active gives its seat back: after the access that the seat gave is gone.
func (d *Decision) withdraw(o Observation, v verdict, now time.Time) {
	m := o.Member
	lingers := v.State != usherv1.ObservedActive && m.Status.ActivatedAt != nil && (!o.Withdrawn || d.RotateToken)
	if lingers {
		if d.AwaitsWithdrawal = retain(o, d.Status.Seats); d.AwaitsWithdrawal {
			d.wakeBy(now.Add(withdrawalPause))
		}
	}
	after := d.Status
	after.State = v.State
	// By an old ledger, in which the claim of a seat is missing, the seat would go before the access that it gave.
	d.Withdraws = (!v.Own || lingers && !d.AwaitsWithdrawal) && takesAway(m.Status, after)
}
