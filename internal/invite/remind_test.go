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

// out is an Invitation whose link, of seven days, expires that far from now, and whose member has not answered; the account
// reminds 72 and 24 hours before the end.
func out(expiry time.Duration, edits ...func(*Observation)) Observation {
	return observed(append([]func(*Observation){
		linked(usherv1.InvitationSent, expires(expiry)), memberIs(usherv1.ReasonAwaitingAcceptance), reminders("72h", "24h"),
	}, edits...)...)
}

func reminders(leads ...usherv1.Lead) func(*Observation) {
	return func(o *Observation) { o.Account.Spec.Invitations.Reminders = leads }
}

// recorded are reminders in the status.
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
		// remind is the point that is sent now; empty for none.
		remind usherv1.Lead
		// wake is how far from now to look again; 0 for never or after the mail.
		wake time.Duration
	}{
		{name: "long before", o: out(100 * hour), wake: 28 * hour},
		{name: "a second before", o: out(72*hour + time.Second), wake: time.Second},
		{name: "at the moment", o: out(72 * hour), remind: "72h"},
		{name: "hours after it", o: out(37 * hour), remind: "72h"},
		{name: "half of its time is gone", o: out(36 * hour), wake: 12 * hour},
		{name: "the last one's moment", o: out(24*hour, recorded(sent("72h"))), remind: "24h"},
		{name: "after being away for long: one, not two", o: out(23 * hour), remind: "24h"},
		{name: "too late for the last one too", o: out(12 * hour), wake: 12 * hour},
		{name: "sent", o: out(70*hour, recorded(sent("72h"))), wake: 46 * hour},
		{name: "both sent", o: out(20*hour, recorded(sent("72h"), sent("24h"))), wake: 20 * hour},
		{name: "given up", o: out(70*hour, recorded(givenUp("72h"))), wake: 46 * hour},
		{name: "an operator is sending it", o: out(70*hour, recorded(tried("72h", 20*time.Second))), wake: 20 * time.Second},
		{name: "its sender is dead", o: out(70*hour, recorded(tried("72h", 0))), remind: "72h"},
		{name: "its next attempt would be too late", o: out(30*hour, recorded(tried("72h", 0))), wake: 6 * hour},
		{name: "the next one is due while it waits", o: out(24*hour, recorded(tried("72h", hour))), remind: "24h"},
		{name: "close points: the later ends the earlier", o: out(47*hour, reminders("72h", "48h")), remind: "48h"},
		{name: "one point written in two ways", o: out(47*hour, reminders("48h", "2880m"), recorded(sent("48h"))), wake: 47 * hour},
		{name: "in any order", o: out(23*hour, reminders("24h", "72h")), remind: "24h"},
		{name: "none asked for", o: out(40*hour, reminders()), wake: 40 * hour},
		{name: "no longer asked for", o: out(70*hour, reminders(), recorded(tried("72h", 0))), wake: 70 * hour},
		{name: "a ttl as short as the point", o: out(47*hour, reminders("48h"), sentFor(48*hour)), wake: 47 * hour},
		{name: "a ttl just longer", o: out(47*hour, reminders("48h"), sentFor(48*hour+time.Second)), remind: "48h"},
		{name: "a shorter one of two fits", o: out(23*hour, sentFor(48*hour)), remind: "24h"},
		{name: "accepted", o: out(72*hour, accepted)},
		{name: "answered, not yet recorded", o: out(72*hour, answered), wake: answeredPause},
		{name: "taken back", o: out(72*hour, taken)},
		{name: "the member is disabled", o: out(72*hour, memberDisabled)},
		{name: "the member is on its way out", o: out(72*hour, memberDeleting)},
		{name: "the member is gone", o: out(72*hour, noMember)},
		{name: "the account is gone", o: out(72*hour, noAccount), wake: 72 * hour},
		{name: "the account is disabled", o: out(72*hour, accountDisabled), wake: 48 * hour},
		{name: "no mail server", o: out(72*hour, mailDown), wake: 48 * hour},
		{name: "another member has the address", o: out(72*hour, memberIs(usherv1.ReasonDuplicateEmail)), wake: 48 * hour},
		{name: "the seat is gone", o: out(72*hour, memberIs(usherv1.ReasonSeatUnavailable)), wake: 48 * hour},
		{name: "the member's status is old", o: out(72*hour, stale), wake: 48 * hour},
		{name: "another invitation counts", o: out(72*hour, another), wake: 48 * hour},
		{name: "activated without one", o: out(72*hour, immediate), wake: 48 * hour},
		{name: "the link was shown to the admin, not mailed", o: out(72*hour, deliveredByLink), wake: 72 * hour},
		{name: "its turn is later", o: out(72*hour, func(o *Observation) { o.Hold = &delivery.Hold{Until: now.Add(hour), Reason: usherv1.ReasonRateLimited} }), wake: hour},
		{name: "its turn has come", o: out(72*hour, func(o *Observation) { o.Hold = &delivery.Hold{Until: now, Reason: usherv1.ReasonRateLimited} }), remind: "72h"},
		{name: "expired", o: out(0)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			before := tt.o.Invitation.DeepCopy()
			p := Decide(tt.o, now)
			g.Expect(tt.o.Invitation).To(Equal(before), "the observation is not touched")
			g.Expect(p.Remind).To(Equal(tt.remind))
			g.Expect(p.Send).To(Equal(tt.remind != ""))
			if tt.remind != "" {
				r := reminderOf(&p.Status, tt.remind)
				g.Expect(r.SentAt).To(BeNil())
				g.Expect(r.NextAttemptAt).To(Equal(later(delivery.SendLease)), "the fence")
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
				g.Expect(r.NextAttemptAt == nil || r.NextAttemptAt.After(now)).To(BeTrue(), "nothing waits for a moment that is over")
			}
		})
	}
}

func TestRemindForgetsTheLastLinksReminders(t *testing.T) {
	g := NewWithT(t)
	p := Decide(out(30*hour, recorded(sent("72h")), resend, memberIs(usherv1.ReasonInviting)), now)
	g.Expect(p.Send).To(BeTrue())
	g.Expect(p.Remind).To(BeEmpty())
	g.Expect(p.Status.Reminders).To(BeEmpty())
}

func TestRemindHasAnEnd(t *testing.T) {
	g := NewWithT(t)
	var list []usherv1.Reminder
	for i := range usherv1.MaxReminders {
		list = append(list, sent(usherv1.LeadOf(time.Duration(100+i)*hour)))
	}
	g.Expect(Decide(out(72*hour, recorded(list...)), now).Send).To(BeFalse(), "however often the account's list is changed")
	g.Expect(Decide(out(72*hour, recorded(list[1:]...)), now).Send).To(BeTrue())
}

func TestOutcomeOfAReminder(t *testing.T) {
	for _, tt := range []struct {
		name    string
		failure *delivery.Failure
		again   bool
	}{
		{name: "taken"},
		{name: "refused for good", failure: &delivery.Failure{Class: usherv1.ErrorPermanent, Code: "550 5.1.1"}},
		{name: "refused for now", failure: &delivery.Failure{Class: usherv1.ErrorTemporary, Code: "451 4.7.1"}, again: true},
		{name: "the server is not right", failure: &delivery.Failure{Class: usherv1.ErrorConfiguration, Code: "535 5.7.8"}, again: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			o := out(72*hour, recorded(sent("100h")))
			o.Invitation.Status = Decide(o, now).Status
			o.Invitation.Status.LastError = &usherv1.SendError{Class: usherv1.ErrorTemporary, Code: "old", At: *later(-hour)}
			s := Outcome(o, "72h", tt.failure, now.Add(1500*time.Millisecond))
			r := reminderOf(&s, "72h")
			g.Expect(s.State).To(Equal(usherv1.InvitationSent), "whatever becomes of a reminder")
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
			g.Expect(reminderOf(&s, "100h")).To(Equal(&o.Invitation.Status.Reminders[0]), "others are left alone")
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
	for _, o := range []Observation{out(72 * hour), observed()} {
		p := Decide(o, now)
		fence := o.Invitation.DeepCopy()
		fence.Status = p.Status
		g.Expect(AttemptOf(&fence.Status, p.Remind).LeaseEnd).To(Equal(now.Add(delivery.SendLease)))
		g.Expect(AttemptOf(&fence.Status, p.Remind).HangUp()).To(And(
			BeTemporally(">", now.Add(2*delivery.RenewEvery)), BeTemporally("<=", now.Add(delivery.SendLease-5*time.Second)),
		), "not before it was renewed twice, and not so late that two may send")
		is := fence.DeepCopy()
		ExtendLease(&is.Status, p.Remind, now.Add(time.Minute))
		g.Expect(AttemptOf(&is.Status, p.Remind).LeaseEnd).To(Equal(now.Add(time.Minute)))
		g.Expect(continues(is, fence, p.Remind)).To(BeTrue(), "the lease was extended")
		for name, change := range map[string]func(*usherv1.Invitation){
			"another link":    func(i *usherv1.Invitation) { i.Status.LinkGeneration++ },
			"revoked":         func(i *usherv1.Invitation) { i.Status.State = usherv1.InvitationRevoked },
			"accepted":        func(i *usherv1.Invitation) { i.Status.State = usherv1.InvitationAccepted },
			"another attempt": func(i *usherv1.Invitation) { *attemptsOf(i, p.Remind)++ },
		} {
			other := fence.DeepCopy()
			change(other)
			g.Expect(continues(other, fence, p.Remind)).To(BeFalse(), name)
		}
	}
	over := out(72*hour, recorded(sent("72h")))
	began := over.Invitation.DeepCopy()
	began.Status.Reminders[0].SentAt = nil
	g.Expect(continues(over.Invitation, began, "72h")).To(BeFalse(), "it is over")
	g.Expect(continues(out(72*hour).Invitation, began, "72h")).To(BeFalse(), "it is forgotten")
}

// continues reports whether is still records the attempt that was claimed.
func continues(is, claim *usherv1.Invitation, remind usherv1.Lead) bool {
	return AttemptOf(&is.Status, remind).Continues(AttemptOf(&claim.Status, remind))
}

func attemptsOf(i *usherv1.Invitation, remind usherv1.Lead) *int32 {
	if remind != "" {
		return &reminderOf(&i.Status, remind).Attempts
	}
	return &i.Status.Attempts
}

// However often and whenever an operator looks, each point is sent once: the sender writes the fence first, and the record after.
func TestRemindOncePerPoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := out(168*hour, reminders(rapid.SliceOfN(rapid.SampledFrom([]usherv1.Lead{"150h", "96h", "72h", "4320m", "48h", "24h", "1h"}), 0, 5).Draw(t, "asked")...))
		at, mails := now, map[usherv1.Lead]int{}
		for range rapid.IntRange(1, 40).Draw(t, "looks") {
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
