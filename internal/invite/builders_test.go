// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// now is the time that the tests pass to the decisions.
var now = time.Date(2026, time.March, 8, 9, 30, 0, 0, time.UTC)

// later returns the time d after now, or before now if d is negative.
func later(d time.Duration) *metav1.Time { return &metav1.Time{Time: now.Add(d)} }

const ada = "ada@acme.example"

// observed returns the Observation of a new Invitation, of a member with a seat, in an account whose mail server is ready.
func observed(edits ...func(*Observation)) Observation {
	o := Observation{
		Invitation: &usherv1.Invitation{
			ObjectMeta: metav1.ObjectMeta{Name: "ada", Namespace: "acme", UID: "uid-invitation", Generation: 3},
			Spec: usherv1.InvitationSpec{
				MemberRef: usherv1.MemberReference{Name: "ada"}, SendGeneration: 1, State: usherv1.InvitationOpen,
			},
			Status: usherv1.InvitationStatus{ObservedGeneration: -1},
		},
		Member: &usherv1.Member{
			ObjectMeta: metav1.ObjectMeta{Name: "ada", Namespace: "acme", UID: "uid-ada", Generation: 2},
			Spec:       usherv1.MemberSpec{Email: ada, State: usherv1.StateActive},
			Status: usherv1.MemberStatus{
				ObservedGeneration: 2, InvitationRef: &usherv1.InvitationReference{Name: "ada"},
				Conditions: []metav1.Condition{{Type: usherv1.ConditionReady, Status: metav1.ConditionFalse, Reason: usherv1.ReasonInviting}},
			},
		},
		Account: &usherv1.Account{
			ObjectMeta: metav1.ObjectMeta{Name: "acme", Namespace: "acme"},
			Spec:       usherv1.AccountSpec{State: usherv1.StateActive},
		},
	}
	mailReady(true, -24*time.Hour)(&o)
	for _, edit := range edits {
		edit(&o)
	}
	return o
}

func mailReady(ready bool, since time.Duration) func(*Observation) {
	return func(o *Observation) {
		c := metav1.Condition{Type: usherv1.ConditionMailReady, Status: metav1.ConditionTrue, Reason: usherv1.ReasonMailReady, LastTransitionTime: *later(since)}
		if !ready {
			c.Status, c.Reason = metav1.ConditionFalse, usherv1.ReasonServerUnreachable
		}
		o.Account.Status.Conditions = []metav1.Condition{c}
	}
}

func memberIs(reason string) func(*Observation) {
	return func(o *Observation) { o.Member.Status.Conditions[0].Reason = reason }
}

func memberStalled(message string) func(*Observation) {
	return func(o *Observation) {
		o.Member.Status.Conditions[0].Message = message
		o.Member.Status.Conditions = append(o.Member.Status.Conditions, metav1.Condition{Type: usherv1.ConditionStalled, Status: metav1.ConditionTrue})
	}
}

// Edits that change one fact.
func accepted(o *Observation)        { o.Member.Status.AcceptedAt = later(-time.Minute) }
func answered(o *Observation)        { o.Answered = true }
func foreign(o *Observation)         { o.Foreign = true }
func revoked(o *Observation)         { o.Invitation.Spec.State = usherv1.InvitationRevokedWish }
func noMember(o *Observation)        { o.Member = nil }
func memberDeleting(o *Observation)  { o.Member.DeletionTimestamp = later(-time.Second) }
func memberDisabled(o *Observation)  { o.Member.Spec.State = usherv1.StateDisabled }
func noAccount(o *Observation)       { o.Account = nil }
func accountDisabled(o *Observation) { o.Account.Spec.State = usherv1.StateDisabled }
func mailDown(o *Observation)        { mailReady(false, -time.Hour)(o) }
func withoutSeat(o *Observation)     { memberIs(usherv1.ReasonSeatUnavailable)(o) }
func resend(o *Observation)          { o.Invitation.Spec.SendGeneration++ }
func readdressed(o *Observation)     { o.Member.Spec.Email = "lovelace@acme.example" }

// year is how far a clock is ahead that leaps.
const year = 365 * 24 * time.Hour

// rateLimited has the status say that a limit on mails delays the mail.
func rateLimited(o *Observation) {
	o.Invitation.Status.Conditions = []metav1.Condition{{Type: usherv1.ConditionReady, Status: metav1.ConditionFalse, Reason: usherv1.ReasonRateLimited}}
}

// made has the API server make the Invitation that long from now, by its own clock.
func made(d time.Duration) func(*Observation) {
	return func(o *Observation) { o.Invitation.CreationTimestamp = *later(d) }
}

// linked gives the Invitation its fifth link, of a mail that was first tried an hour ago.
func linked(state usherv1.InvitationState, edits ...func(*usherv1.InvitationStatus)) func(*Observation) {
	return func(o *Observation) {
		s := &o.Invitation.Status
		*s = usherv1.InvitationStatus{
			ObservedGeneration: o.Invitation.Generation, State: state, Recipient: ada, Language: usherv1.DefaultLanguage,
			SendGeneration: o.Invitation.Spec.SendGeneration, LinkGeneration: 5, MessageID: "m@acme.example", Attempts: 2,
			FirstAttemptAt: later(-time.Hour),
		}
		for _, edit := range edits {
			edit(s)
		}
	}
}

func due(d time.Duration) func(*usherv1.InvitationStatus) {
	return func(s *usherv1.InvitationStatus) { s.NextAttemptAt = later(d) }
}
func failed(class usherv1.ErrorClass, at time.Duration) func(*usherv1.InvitationStatus) {
	return func(s *usherv1.InvitationStatus) {
		s.LastError = &usherv1.SendError{Class: class, Code: "451 4.7.1", At: *later(at)}
	}
}
func unanswered(s *usherv1.InvitationStatus) { s.LastError.Code = "timeout" }
func sentAt(d time.Duration) func(*usherv1.InvitationStatus) {
	return func(s *usherv1.InvitationStatus) { s.SentAt = later(d) }
}
func firstTried(d time.Duration) func(*usherv1.InvitationStatus) {
	return func(s *usherv1.InvitationStatus) { s.FirstAttemptAt = later(d) }
}
func expires(d time.Duration) func(*usherv1.InvitationStatus) {
	return func(s *usherv1.InvitationStatus) {
		s.ExpiresAt = later(d)
		s.SentAt = later(d - usherv1.DefaultTTL)
	}
}
