// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
)

const hour = time.Hour

// sentInvitation returns the Observation of an Invitation whose link works for seven days and expires expiry from now. The member has
// not answered, and the account reminds 72 and 24 hours before the end.
func sentInvitation(expiry time.Duration, edits ...func(*Observation)) Observation {
	return observed(append([]func(*Observation){
		linked(usherv1.InvitationSent, expires(expiry)), memberIs(usherv1.ReasonAwaitingAcceptance), reminders("72h", "24h"),
	}, edits...)...)
}

func reminders(leads ...usherv1.Lead) func(*Observation) {
	return func(o *Observation) { o.Account.Spec.Invitations.Reminders = leads }
}

// recorded sets the reminders in the status.
func recorded(list ...usherv1.Reminder) func(*Observation) {
	return func(o *Observation) { o.Invitation.Status.Reminders = list }
}

func sent(before usherv1.Lead) usherv1.Reminder {
	return usherv1.Reminder{Before: before, Attempts: 1, SentAt: later(-hour)}
}

func tried(before usherv1.Lead, next time.Duration) usherv1.Reminder {
	return usherv1.Reminder{Before: before, Attempts: 1, NextAttemptAt: later(next)}
}

func givenUp(before usherv1.Lead) usherv1.Reminder {
	return usherv1.Reminder{Before: before, Attempts: 1}
}

func sentFor(ttl time.Duration) func(*Observation) {
	return func(o *Observation) {
		s := &o.Invitation.Status
		s.SentAt = &metav1.Time{Time: s.ExpiresAt.Add(-ttl)}
	}
}

func TestRemind(t *testing.T) {
	deliveredByLink := func(o *Observation) { o.Invitation.Status.MessageID = "" }
	stale := func(o *Observation) { o.Member.Generation++ }
	another := func(o *Observation) { o.Member.Status.InvitationRef.Name = "by-hand" }
	immediate := func(o *Observation) { o.Member.Spec.Activation = usherv1.ActivateImmediately }
	tests := []struct {
		name string
		o    Observation
		// remind is the reminder that is sent now; empty for none.
		remind usherv1.Lead
		// wake is the time from now to the wake-up; 0 for none or after the mail.
		wake time.Duration
	}{
		{name: "long before", o: sentInvitation(100 * hour), wake: 28 * hour},
		{name: "a second before", o: sentInvitation(72*hour + time.Second), wake: time.Second},
		{name: "at the time of the first", o: sentInvitation(72 * hour), remind: "72h"},
		{name: "hours after the first", o: sentInvitation(37 * hour), remind: "72h"},
		{name: "too late for the first: half of its lead is over", o: sentInvitation(36 * hour), wake: 12 * hour},
		{name: "at the time of the last", o: sentInvitation(24*hour, recorded(sent("72h"))), remind: "24h"},
		{name: "both are due: one is sent, not two", o: sentInvitation(23 * hour), remind: "24h"},
		{name: "too late for both", o: sentInvitation(12 * hour), wake: 12 * hour},
		{name: "sent", o: sentInvitation(70*hour, recorded(sent("72h"))), wake: 46 * hour},
		{name: "both sent", o: sentInvitation(20*hour, recorded(sent("72h"), sent("24h"))), wake: 20 * hour},
		{name: "failed", o: sentInvitation(70*hour, recorded(givenUp("72h"))), wake: 46 * hour},
		{name: "an operator is sending it", o: sentInvitation(70*hour, recorded(tried("72h", 20*time.Second))), wake: 20 * time.Second},
		{name: "the lease of its sender is over", o: sentInvitation(70*hour, recorded(tried("72h", 0))), remind: "72h"},
		{name: "its next attempt would be too late", o: sentInvitation(30*hour, recorded(tried("72h", 0))), wake: 6 * hour},
		{
			name: "the next one is due while one waits for its next attempt", o: sentInvitation(24*hour, recorded(tried("72h", hour))),
			remind: "24h",
		},
		{name: "close to each other: only the later one is sent", o: sentInvitation(47*hour, reminders("72h", "48h")), remind: "48h"},
		{
			name: "the same lead written in two ways", o: sentInvitation(47*hour, reminders("48h", "2880m"), recorded(sent("48h"))), wake: 47 * hour,
		},
		{name: "in any order", o: sentInvitation(23*hour, reminders("24h", "72h")), remind: "24h"},
		{name: "no reminders in spec", o: sentInvitation(40*hour, reminders()), wake: 40 * hour},
		{name: "no longer in spec", o: sentInvitation(70*hour, reminders(), recorded(tried("72h", 0))), wake: 70 * hour},
		{name: "a ttl as short as the lead", o: sentInvitation(47*hour, reminders("48h"), sentFor(48*hour)), wake: 47 * hour},
		{name: "a ttl longer than the lead", o: sentInvitation(47*hour, reminders("48h"), sentFor(48*hour+time.Second)), remind: "48h"},
		{name: "only the shorter lead is within the ttl", o: sentInvitation(23*hour, sentFor(48*hour)), remind: "24h"},
		{name: "accepted", o: sentInvitation(72*hour, accepted)},
		{name: "answered, not yet recorded", o: sentInvitation(72*hour, answered), wake: answeredPause},
		{name: "a user's Secret is in the way, not yet recorded", o: sentInvitation(72*hour, foreign), wake: answeredPause},
		{name: "revoked", o: sentInvitation(72*hour, revoked)},
		{name: "the member is disabled", o: sentInvitation(72*hour, memberDisabled)},
		{name: "the member is being deleted", o: sentInvitation(72*hour, memberDeleting)},
		{name: "the member does not exist", o: sentInvitation(72*hour, noMember)},
		{name: "the account does not exist", o: sentInvitation(72*hour, noAccount), wake: 72 * hour},
		{name: "the account is disabled", o: sentInvitation(72*hour, accountDisabled), wake: 48 * hour},
		{name: "no mail server", o: sentInvitation(72*hour, mailDown), wake: 48 * hour},
		{name: "another member has the address", o: sentInvitation(72*hour, memberIs(usherv1.ReasonDuplicateEmail)), wake: 48 * hour},
		{name: "the seat is gone", o: sentInvitation(72*hour, memberIs(usherv1.ReasonSeatUnavailable)), wake: 48 * hour},
		{name: "the member's status is about an older spec", o: sentInvitation(72*hour, stale), wake: 48 * hour},
		{name: "the member has another invitation", o: sentInvitation(72*hour, another), wake: 48 * hour},
		{name: "the member needs no invitation", o: sentInvitation(72*hour, immediate), wake: 48 * hour},
		{name: "the link was shown to the admin, not mailed", o: sentInvitation(72*hour, deliveredByLink), wake: 72 * hour},
		{
			name: "held",
			o:    sentInvitation(72*hour, func(o *Observation) { o.Hold = &delivery.Hold{Until: now.Add(hour), Reason: usherv1.ReasonRateLimited} }),
			wake: hour,
		},
		{
			name:   "the hold is over",
			o:      sentInvitation(72*hour, func(o *Observation) { o.Hold = &delivery.Hold{Until: now, Reason: usherv1.ReasonRateLimited} }),
			remind: "72h",
		},
		{name: "expired", o: sentInvitation(0)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			before := tt.o.Invitation.DeepCopy()
			p := Decide(tt.o, now)
			g.Expect(tt.o.Invitation).To(Equal(before), "the observation is unchanged")
			g.Expect(p.Remind).To(Equal(tt.remind))
			g.Expect(p.Send).To(Equal(tt.remind != ""))
			if tt.remind != "" {
				r := reminderOf(&p.Status, tt.remind)
				g.Expect(r.SentAt).To(BeNil())
				g.Expect(r.NextAttemptAt).To(Equal(later(delivery.SendLease)), "the claim")
				g.Expect(p.Status.State).To(Equal(usherv1.InvitationSent))
				g.Expect(p.Status.Attempts).To(Equal(before.Status.Attempts), "the invitation's own")
				return
			}
			if tt.wake == 0 {
				g.Expect(p.Wake).To(BeZero())
			} else {
				g.Expect(p.Wake).To(Equal(now.Add(tt.wake)))
			}
			for _, r := range p.Status.Reminders {
				g.Expect(r.NextAttemptAt == nil || r.NextAttemptAt.After(now)).To(BeTrue(), "no attempt is due in the past")
			}
		})
	}
}

func TestNewLinkHasNoReminders(t *testing.T) {
	g := NewWithT(t)
	p := Decide(sentInvitation(30*hour, recorded(sent("72h")), resend, memberIs(usherv1.ReasonInviting)), now)
	g.Expect(p.Send).To(BeTrue())
	g.Expect(p.Remind).To(BeEmpty())
	g.Expect(p.Status.Reminders).To(BeEmpty())
}

func TestMaxReminders(t *testing.T) {
	g := NewWithT(t)
	var list []usherv1.Reminder
	for i := range usherv1.MaxReminders {
		list = append(list, sent(usherv1.LeadOf(time.Duration(100+i)*hour)))
	}
	g.Expect(Decide(sentInvitation(72*hour, recorded(list...)), now).Send).To(BeFalse(), "however often the account's list is changed")
	g.Expect(Decide(sentInvitation(72*hour, recorded(list[1:]...)), now).Send).To(BeTrue())
}

func TestOutcomeOfAReminder(t *testing.T) {
	for _, tt := range []struct {
		name    string
		failure *delivery.Failure
		again   bool
	}{
		{name: "accepted"},
		{name: "refused permanently", failure: &delivery.Failure{Class: usherv1.ErrorPermanent, Code: "550 5.1.1"}},
		{name: "refused temporarily", failure: &delivery.Failure{Class: usherv1.ErrorTemporary, Code: "451 4.7.1"}, again: true},
		{name: "a configuration error", failure: &delivery.Failure{Class: usherv1.ErrorConfiguration, Code: "535 5.7.8"}, again: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			o := sentInvitation(72*hour, recorded(sent("100h")))
			o.Invitation.Status = Decide(o, now).Status
			o.Invitation.Status.LastError = &usherv1.SendError{Class: usherv1.ErrorTemporary, Code: "old", At: *later(-hour)}
			s := Outcome(o, "72h", tt.failure, now.Add(1500*time.Millisecond))
			r := reminderOf(&s, "72h")
			g.Expect(s.State).To(Equal(usherv1.InvitationSent), "a reminder does not change the state")
			g.Expect(s.ExpiresAt).To(Equal(o.Invitation.Status.ExpiresAt))
			g.Expect(r.SentAt != nil).To(Equal(tt.failure == nil))
			g.Expect(r.NextAttemptAt != nil).To(Equal(tt.again))
			expectOneOutlook(g, s.Conditions)
			message := sentenceOf(s)
			if tt.failure == nil {
				g.Expect(r.SentAt).To(Equal(later(time.Second)))
				g.Expect(s.LastError).To(BeNil())
				g.Expect(message).NotTo(ContainSubstring("reminder"))
			} else {
				g.Expect(s.LastError.Code).To(Equal(tt.failure.Code))
				g.Expect(message).To(ContainSubstring("the last attempt at a reminder failed (" + string(tt.failure.Class) + ", " + tt.failure.Code + ")"))
			}
			o.Invitation.Status = s
			g.Expect(Decide(o, now.Add(2*time.Second)).Send).To(BeFalse())
			g.Expect(Decide(o, now.Add(2*hour)).Send).To(Equal(tt.again))
			g.Expect(reminderOf(&s, "100h")).To(Equal(&o.Invitation.Status.Reminders[0]), "other reminders are unchanged")
		})
	}
}

func sentenceOf(s usherv1.InvitationStatus) string {
	for _, c := range s.Conditions {
		if c.Type == usherv1.ConditionReady {
			return c.Message
		}
	}
	return ""
}

func TestAttempts(t *testing.T) {
	g := NewWithT(t)
	for _, o := range []Observation{sentInvitation(72 * hour), observed()} {
		p := Decide(o, now)
		claimed := o.Invitation.DeepCopy()
		claimed.Status = p.Status
		g.Expect(AttemptOf(&claimed.Status, p.Remind).LeaseEnd).To(Equal(now.Add(delivery.SendLease)))
		g.Expect(AttemptOf(&claimed.Status, p.Remind).HangUp()).To(And(
			BeTemporally(">", now.Add(2*delivery.RenewEvery)), BeTemporally("<=", now.Add(delivery.SendLease-5*time.Second)),
		), "after two renewals, and early enough that no second sender may begin")
		is := claimed.DeepCopy()
		ExtendLease(&is.Status, p.Remind, now.Add(time.Minute))
		g.Expect(AttemptOf(&is.Status, p.Remind).LeaseEnd).To(Equal(now.Add(time.Minute)))
		g.Expect(continues(is, claimed, p.Remind)).To(BeTrue(), "the lease was extended")
		for name, change := range map[string]func(*usherv1.Invitation){
			"another link":    func(i *usherv1.Invitation) { i.Status.LinkGeneration++ },
			"revoked":         func(i *usherv1.Invitation) { i.Status.State = usherv1.InvitationRevoked },
			"accepted":        func(i *usherv1.Invitation) { i.Status.State = usherv1.InvitationAccepted },
			"another attempt": func(i *usherv1.Invitation) { *attemptsOf(i, p.Remind)++ },
		} {
			other := claimed.DeepCopy()
			change(other)
			g.Expect(continues(other, claimed, p.Remind)).To(BeFalse(), name)
		}
	}
	over := sentInvitation(72*hour, recorded(sent("72h")))
	began := over.Invitation.DeepCopy()
	began.Status.Reminders[0].SentAt = nil
	g.Expect(continues(over.Invitation, began, "72h")).To(BeFalse(), "the attempt is over")
	g.Expect(continues(sentInvitation(72*hour).Invitation, began, "72h")).To(BeFalse(), "the status has no such reminder")
}

// continues reports whether the Invitation still records the attempt that was claimed.
func continues(is, claim *usherv1.Invitation, remind usherv1.Lead) bool {
	return AttemptOf(&is.Status, remind).Continues(AttemptOf(&claim.Status, remind))
}

func attemptsOf(i *usherv1.Invitation, remind usherv1.Lead) *int32 {
	if remind != "" {
		return &reminderOf(&i.Status, remind).Attempts
	}
	return &i.Status.Attempts
}

// Each reminder is sent once, however often and whenever Decide runs, if the sender writes the claim first and the outcome afterwards.
func TestRemindOncePerPoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leads := rapid.SampledFrom([]usherv1.Lead{"150h", "96h", "72h", "4320m", "48h", "24h", "1h"})
		o := sentInvitation(168*hour, reminders(rapid.SliceOfN(leads, 0, 5).Draw(t, "leads")...))
		at, mails := now, map[usherv1.Lead]int{}
		for range rapid.IntRange(1, 40).Draw(t, "decisions") {
			at = at.Add(time.Duration(rapid.Int64Range(0, 20*3600).Draw(t, "pause")) * time.Second)
			p := Decide(o, at)
			o.Invitation.Status = p.Status
			if p.Send {
				mails[p.Remind]++
				if left := o.Invitation.Status.ExpiresAt.Sub(at); left > p.Remind.Duration() || left <= p.Remind.Duration()/2 {
					t.Fatalf("the reminder of %s went out %s before the end", p.Remind, left)
				}
				o.Invitation.Status = Outcome(o, p.Remind, nil, at)
			}
			if again := Decide(o, at); p.Send && again.Send && again.Remind == p.Remind {
				t.Fatalf("%s is sent again", p.Remind)
			}
		}
		for point, n := range mails {
			if n > 1 {
				t.Fatalf("%d reminders of %s", n, point)
			}
		}
	})
}
