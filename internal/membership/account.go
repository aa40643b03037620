// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/moment"
	"github.com/usher-dev/usher/internal/plan"
)

// AccountObservation is everything that an Account's status depends on.
type AccountObservation struct {
	Account *usherv1.Account
	// Plan that the Account names; nil if it does not exist, or if the Account names none.
	Plan *usherv1.Plan
	// Members and Pools of the Account.
	Members []usherv1.Member
	Pools   []usherv1.SeatPool
	// Access is what became of the account's roles, bindings and password file; nil if they could not be written, so that the
	// condition stays as it is.
	Access *AccessVerdict
	// Mail is what is known of the account's mail server; nil before the first probe.
	Mail *MailVerdict
	// Templates is what was found of the account's own wording; nil if it has none. TemplatesUnknown: it could not be read, so that
	// the condition stays as it is.
	Templates        *TemplatesVerdict
	TemplatesUnknown bool
}

// TemplatesVerdict is whether an account's own templates can be used.
type TemplatesVerdict struct {
	Ready bool
	// Reason and Message of the TemplatesReady condition.
	Reason, Message string
}

// AccessVerdict is the state of an account's roles and bindings.
type AccessVerdict struct {
	// Reason and Message of the AccessReady condition if it is False; empty if everything is as it should be.
	Reason, Message string
}

// MailVerdict is the outcome of the latest probe of a mail server.
type MailVerdict struct {
	Ready bool
	// Reason and Message of the MailReady condition.
	Reason, Message string
	// At is when it was found.
	At time.Time
}

// Outdated reports whether the account's MailReady condition says otherwise for the present spec, and came after the verdict. Then another
// operator knows better, and two operators that differ must not overwrite each other: the server has to be probed again. If its clock was
// ahead, no probe would ever come after its condition.
func (v MailVerdict) Outdated(a *usherv1.Account, now time.Time) bool {
	c := meta.FindStatusCondition(a.Status.Conditions, usherv1.ConditionMailReady)
	return c != nil && c.ObservedGeneration == a.Generation && (c.Status == metav1.ConditionTrue) != v.Ready &&
		v.At.Before(c.LastTransitionTime.Time) && moment.At(now, a).Believes(c.LastTransitionTime.Time, 0)
}

// Summarize returns what the observed Account is at now, and when that changes by itself; zero for never.
func Summarize(o AccountObservation, now time.Time) (status usherv1.AccountStatus, wake time.Time) {
	a := o.Account
	s := *a.Status.DeepCopy()
	s.ObservedGeneration = a.Generation
	s.Members = countMembers(o.Members)
	s.Seats = countSeats(o.Pools)
	s.SeatsSummary = fmt.Sprintf("%d/%d", s.Seats.Assigned, s.Seats.Capacity)
	s.FormerMembers, s.Departures = Remember(a, o.Members), Depart(a, o.Members)
	terms := plan.For(a, o.Plan)
	led := s.Owner != nil
	s.Owner = owner(s.Owner, o.Members, terms)

	w := conditions.Writer{List: &s.Conditions, Generation: a.Generation, Now: now}
	s.State = setAccountState(w, o, s.Members.Active)
	setMailReady(w, o)
	setTemplatesReady(w, o)
	setAccessReady(w, o)
	setNoAdmin(w, o, terms, led)
	wake = w.SetReady(accountVerdict(a, *w.List, terms))
	return s, wake
}

func countMembers(members []usherv1.Member) *usherv1.MemberCounts {
	c := &usherv1.MemberCounts{Total: int32(len(members))}
	for i := range members {
		switch members[i].Status.State {
		case usherv1.ObservedActive:
			c.Active++
		case usherv1.ObservedDisabled:
			c.Disabled++
		default:
			c.Pending++
		}
	}
	return c
}

func countSeats(pools []usherv1.SeatPool) *usherv1.SeatCounts {
	c := &usherv1.SeatCounts{}
	add := func(sum, n *int32) {
		if n != nil {
			*sum += *n
		}
	}
	for i := range pools {
		if s := &pools[i].Status; pools[i].Spec.AddOn == "" {
			add(&c.Capacity, s.Capacity)
			add(&c.Assigned, s.Assigned)
			add(&c.Reserved, s.Reserved)
			add(&c.Available, s.Available)
		}
	}
	return c
}

// owner returns the present owner as long as that member exists, else the Active admin that came first: the account's first member, then
// the one who accepted first. While the state of a member is not known yet, or one that has accepted is about to become Active, as right
// after a restore, no owner is chosen. While the plan is missing, or an old cache does not have it, no one is known to be an admin, and the
// present owner stays: that the account had one is remembered by it.
func owner(present *usherv1.AccountOwner, members []usherv1.Member, terms plan.Terms) *usherv1.AccountOwner {
	var best *usherv1.Member
	unknown := false
	for i := range members {
		m := &members[i]
		if present != nil && m.Name == present.Name && m.DeletionTimestamp == nil {
			return ownerOf(m)
		}
		unknown = unknown || m.DeletionTimestamp == nil && (m.Status.State == "" || aboutToBeActive(m))
		if m.Status.State == usherv1.ObservedActive && terms.Admin(m.Status.Role) && m.Status.ActivatedAt != nil &&
			(best == nil || leads(m, best)) {
			best = m
		}
	}
	switch {
	case terms.Problem != "":
		return present
	case best == nil, unknown:
		return nil
	}
	return ownerOf(best)
}

// aboutToBeActive reports whether a Member has accepted and waits for Usher alone, which ends by itself.
func aboutToBeActive(m *usherv1.Member) bool {
	return m.Status.State == usherv1.ObservedPending && m.Status.AcceptedAt != nil &&
		meta.IsStatusConditionTrue(m.Status.Conditions, usherv1.ConditionReconciling)
}

func ownerOf(m *usherv1.Member) *usherv1.AccountOwner {
	return &usherv1.AccountOwner{Name: m.Name, Email: string(m.EmailInUse())}
}

// leads reports whether one Active admin comes before another as the account's owner.
func leads(a, b *usherv1.Member) bool {
	if first := plan.Recorded(a.Annotations) == plan.First; first != (plan.Recorded(b.Annotations) == plan.First) {
		return first
	}
	for _, at := range []func(*usherv1.Member) *metav1.Time{
		func(m *usherv1.Member) *metav1.Time { return m.Status.AcceptedAt },
		func(m *usherv1.Member) *metav1.Time { return m.Status.ActivatedAt },
	} {
		if !at(a).Equal(at(b)) {
			return at(a).Before(at(b))
		}
	}
	return a.Name < b.Name
}
