// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reason

import (
	"slices"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
)

// Text explains a reason to a user.
type Text struct {
	// Reason as it stands in the condition or Event.
	Reason string
	// Meaning completes "ReasonX means: …" in the comment of the reason's constant.
	Meaning string
	// Action is what the user can do; empty if nothing has to be done.
	Action string
}

// Custody is what happens to the seats of a member.
type Custody int

const (
	// Kept seats are neither taken nor given back.
	Kept Custody = iota
	// Taken seats are those of the pools that the member chooses: it takes the seats that it is given, and keeps them.
	Taken
	// Released seats are given back.
	Released
)

// Dependency is what a member in some state waits for.
type Dependency int

const (
	// Nothing: the state lasts until someone wants another.
	Nothing Dependency = iota
	// Controller: Usher is at work.
	Controller
	// Seat: a pool gives the member a seat when it has one.
	Seat
	// Invitee: the person who was invited answers.
	Invitee
	// MailServer: the mail server works again.
	MailServer
	// Correction: a user changes an object.
	Correction
)

// Member is what a reason of a Member's Ready condition means to the rules.
type Member struct {
	Text
	// State that has the reason.
	State usherv1.ObservedState
	// Outlook of the condition, and the others that the reason can have.
	Outlook      conditions.Outlook
	OtherOutlook []conditions.Outlook
	// Custody of the member's seats, and the others that the reason can have; Released is not among the others.
	Custody      Custody
	OtherCustody []Custody
	// WaitsFor is what ends the state.
	WaitsFor Dependency

	// Own: the member's own object says so, and every earlier line of the table in membership/doc.go is Own too. So no old copy of another
	// object can be wrong about it.
	Own bool
	// Lasting: the reason stays until the spec changes, whatever another clock says.
	Lasting bool
	// SeenByPool: a pool sees the cause by itself, so it can give the member a seat as soon as the cause is gone, before the member's
	// status says so. Without it, a pool gives no seat to a member whose reason is Released.
	SeenByPool bool
	// Invitable: an invitation may be sent.
	Invitable bool
	// Remindable: an invitation was sent, and a reminder may follow.
	Remindable bool
	// KeepsSeat: a member that was Active has no access and keeps its seat until that changes.
	KeepsSeat bool
	// Graced: an object that is referred to does not exist, and may be about to be created (see conditions.Grace).
	Graced bool
	// Duplicate: another member has the address and the right to it.
	Duplicate bool
}

// Allows reports whether a verdict with the reason can have that outlook and custody.
func (m Member) Allows(outlook conditions.Outlook, custody Custody) bool {
	return (outlook == m.Outlook || slices.Contains(m.OtherOutlook, outlook)) &&
		(custody == m.Custody || slices.Contains(m.OtherCustody, custody))
}

// RefusesSeat reports whether a pool gives no seat to a member that has this reason.
func (m Member) RefusesSeat() bool { return m.Custody == Released && !m.SeenByPool }

// Members returns all rows for a Member's Ready condition.
func Members() []Member { return slices.Clone(members) }

// MemberRow returns the row of a reason; the zero Member if there is none.
func MemberRow(reason string) Member {
	i := slices.IndexFunc(members, func(m Member) bool { return m.Reason == reason })
	if i < 0 {
		return Member{}
	}
	return members[i]
}

// OfMember returns the row of the reason that the Member has; the zero Member if it has none yet.
func OfMember(m *usherv1.Member) Member {
	return MemberRow(conditions.Reason(m.Status.Conditions, usherv1.ConditionReady))
}

// AccessEnded reports whether the Member's access has ended, or had ended for its present spec by another clock: a clock that is slow does
// not undo an end.
func AccessEnded(m *usherv1.Member, now time.Time) bool {
	return m.Spec.Ended(now) ||
		m.Spec.AccessUntil != nil && m.Status.ObservedGeneration == m.Generation && OfMember(m).Lasting
}

// Invitation is what a reason of an Invitation's Ready condition means to the rules.
type Invitation struct {
	Text
	// Limited: a mail that could be sent waits until status.nextAttemptAt.
	Limited bool
	// LinkInvalid: a mail was sent, and its link does not work.
	LinkInvalid bool
	// PerRecipient: the limit is that of the address, not of the mail server.
	PerRecipient bool
	// PerDay: the limit is the account's quota. It is not believed after a restart, since the platform raises it with one.
	PerDay bool
}

// InvitationRow returns the row of a reason; the zero Invitation if there is none.
func InvitationRow(reason string) Invitation {
	i := slices.IndexFunc(invitations, func(r Invitation) bool { return r.Reason == reason })
	if i < 0 {
		return Invitation{}
	}
	return invitations[i]
}

// OfInvitation returns the row of the reason that the Invitation has; the zero Invitation if it has none yet.
func OfInvitation(s *usherv1.InvitationStatus) Invitation {
	return InvitationRow(conditions.Reason(s.Conditions, usherv1.ConditionReady))
}

// Delivery is what a reason of an Account's MailReady condition means to the rules.
type Delivery struct {
	Text
	// ByMail: invitations can be mailed. ByLink: links can be handed over instead.
	ByMail, ByLink bool
}

// OfDelivery returns the row of the reason of the Account's MailReady condition; the zero Delivery if it has none yet.
func OfDelivery(a *usherv1.Account) Delivery {
	reason := conditions.Reason(a.Status.Conditions, usherv1.ConditionMailReady)
	i := slices.IndexFunc(deliveries, func(d Delivery) bool { return d.Reason == reason })
	if i < 0 {
		return Delivery{}
	}
	return deliveries[i]
}

// Access is what a reason of an Account's AccessReady condition means to the rules.
type Access struct {
	Text
	// Tolerable: Usher has done what it is allowed to do, and the Account is Ready.
	Tolerable bool
}

// AccessRow returns the row of a reason; the zero Access if there is none.
func AccessRow(reason string) Access {
	i := slices.IndexFunc(accesses, func(a Access) bool { return a.Reason == reason })
	if i < 0 {
		return Access{}
	}
	return accesses[i]
}

// Entry is a reason in the place where a user finds it.
type Entry struct {
	// Kind of the object, and the type of the Condition; empty if the reason is that of an Event.
	Kind, Condition string
	Text
}

// All returns every reason of every condition and Event.
func All() []Entry {
	var all []Entry
	for _, m := range members {
		all = append(all, Entry{Kind: "Member", Condition: usherv1.ConditionReady, Text: m.Text})
	}
	for _, i := range invitations {
		all = append(all, Entry{Kind: "Invitation", Condition: usherv1.ConditionReady, Text: i.Text})
	}
	for _, d := range deliveries {
		all = append(all, Entry{Kind: "Account", Condition: usherv1.ConditionMailReady, Text: d.Text})
	}
	for _, a := range accesses {
		all = append(all, Entry{Kind: "Account", Condition: usherv1.ConditionAccessReady, Text: a.Text})
	}
	return append(all, others...)
}

// Explain returns what a reason means, in every place that has it.
func Explain(reason string) []Entry {
	return slices.DeleteFunc(All(), func(e Entry) bool { return e.Reason != reason })
}
