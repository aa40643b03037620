// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	creds "github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/moment"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/reason"
	"github.com/usher-dev/usher/internal/seat"
)

// recordPerson sets what the status says of the person: whether they accepted, role, rights and name.
func recordPerson(s *usherv1.MemberStatus, o Observation, accepted bool, given plan.Assignment) {
	s.AcceptedAt, s.ProfileGeneration = nil, 0
	if accepted {
		s.AcceptedAt, s.ProfileGeneration = &o.Credentials.AcceptedAt, o.Credentials.ProfileGeneration
	}
	if o.Member.DeletionTimestamp == nil || s.Role == "" { // a member that is being deleted is remembered with the role that it had
		s.Role, s.Rights = given.Role, given.Rights
	}
	if o.Member.DeletionTimestamp == nil || s.Email == "" { // nor does it change its address any more
		s.Email = string(emailInUse(o, accepted))
	}
	s.DisplayName = displayName(o, accepted)
	if !accepted {
		s.CredentialsProblem = ""
	} else if !o.Credentials.Recorded {
		s.CredentialsProblem = o.Credentials.Problems
	}
}

// recordState sets the state and the moments at which it began.
func recordState(s *usherv1.MemberStatus, m *usherv1.Member, v verdict, now time.Time) {
	was := m.Status.State
	s.State = v.State
	began := moment.Ref(now)
	if v.State == usherv1.ObservedActive && was != v.State {
		s.ActivatedAt = began
	}
	if v.State == usherv1.ObservedDisabled && was != v.State {
		// Each time that the Member is disabled has a moment of its own: the API token is replaced once for each. A moment that is not
		// believed is not passed on.
		if last := m.Status.DisabledAt; last != nil && !began.After(last.Time) && moment.At(now, m).Believes(last.Time, 0) {
			began = moment.Ref(last.Add(time.Second))
		}
		s.DisabledAt = began
	}
}

// describe sets the conditions. One of Pending, Active and Disabled is True; all three have the reason of the state.
// It returns when they have to be set again; zero for never.
func describe(s *usherv1.MemberStatus, o Observation, choice seat.Choice, v verdict, email emailChange, now time.Time) time.Time {
	w := conditions.Writer{List: &s.Conditions, Generation: o.Member.Generation, Now: now}
	w.SetState(v.State, v.Reason)
	base, complete := holds(s.Seats, choice)
	switch {
	case complete:
		w.Set(usherv1.ConditionSeatsAssigned, true, usherv1.ReasonSeatsHeld, closingSeats(o, s.Seats))
	case v.WaitsFor == reason.Seat:
		w.Set(usherv1.ConditionSeatsAssigned, false, v.Reason, sentence(waitsFor(s.Seats, choice)))
	case base && v.Custody == reason.Taken:
		w.Set(usherv1.ConditionSeatsAssigned, false, usherv1.ReasonAddOnSeatUnavailable, sentence(waitsFor(s.Seats, choice)))
	default:
		w.Set(usherv1.ConditionSeatsAssigned, false, v.Reason, "")
	}
	if v.blockedBy != "" {
		w.Set(usherv1.ConditionDeletionBlocked, true, v.blockedBy, v.message)
	} else {
		meta.RemoveStatusCondition(w.List, usherv1.ConditionDeletionBlocked)
	}
	message := v.message
	if email.reason != "" {
		w.Set(usherv1.ConditionEmailChange, false, email.reason, email.message)
		message += "; its new address is not in use yet, see condition " + usherv1.ConditionEmailChange
	} else {
		meta.RemoveStatusCondition(w.List, usherv1.ConditionEmailChange)
	}
	if s.CredentialsProblem != "" {
		message += "; correct Secret " + creds.Name(o.Member.Name) + ": " + s.CredentialsProblem
	}
	return w.SetReady(conditions.Sentence{Outlook: v.Outlook, Reason: v.Reason, Message: message, Graced: v.Graced})
}

// sentence begins with a capital letter.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func recordInvitation(s *usherv1.MemberStatus, o Observation) {
	s.InvitedAt, s.ExpiresAt = nil, nil
	if o.Invitation != nil {
		s.InvitationRef = &usherv1.InvitationReference{Name: o.Invitation.Name}
		s.InvitedAt, s.ExpiresAt = o.Invitation.Status.SentAt, o.Invitation.Status.ExpiresAt
	} else if s.AcceptedAt != nil {
		s.InvitationRef = nil
	}
}

// displayName returns the name in spec, else what the invitee typed, else the address.
func displayName(o Observation, accepted bool) string {
	given, family := string(o.Member.Spec.GivenName), string(o.Member.Spec.FamilyName)
	if accepted && o.Credentials.Recorded {
		return o.Member.Status.DisplayName
	}
	if accepted {
		if given == "" {
			given = o.Credentials.GivenName
		}
		if family == "" {
			family = o.Credentials.FamilyName
		}
	}
	if name := strings.TrimSpace(given + " " + family); name != "" {
		return name
	}
	return string(emailInUse(o, accepted))
}
