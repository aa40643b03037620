// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/delivery"
)

func holdFor(reason string, d time.Duration) func(*Observation) {
	return func(o *Observation) { o.Hold = &delivery.Hold{Until: now.Add(d), Reason: reason} }
}

// written returns the observation after the decided status was written.
func written(o Observation, p Plan) Observation {
	o.Invitation = o.Invitation.DeepCopy()
	o.Invitation.Status = p.Status
	return o
}

func restarted(o Observation) Observation {
	o.Hold = nil
	return o
}

// The condition of a held mail says until when it is held. The previous link stays as it is until the mail is sent with the new one.
func TestHold(t *testing.T) {
	for _, reason := range []string{usherv1.ReasonRateLimited, usherv1.ReasonRecipientLimited, usherv1.ReasonQuotaReached} {
		for name, situation := range map[string]func(*Observation){
			"the first mail":  func(*Observation) {},
			"another link":    func(o *Observation) { situations["SentValid"](o); resend(o) },
			"another attempt": situations["RetryDue"],
			"after a crash":   linked(usherv1.InvitationSending, due(0)),
		} {
			t.Run(reason+"/"+name, func(t *testing.T) {
				g := NewWithT(t)
				o := observed(situation, holdFor(reason, time.Minute))
				p := Decide(o, now)
				g.Expect(p.Send).To(BeFalse())
				g.Expect(p.Wake).To(Equal(now.Add(time.Minute)))
				was := o.Invitation.Status
				g.Expect(p.Status.NextAttemptAt).To(Equal(later(time.Minute)))
				g.Expect(p.Status.LinkGeneration).To(Equal(was.LinkGeneration))
				g.Expect(p.Status.Attempts).To(Equal(was.Attempts))
				g.Expect(p.Status.SentAt).To(Equal(was.SentAt))
				ready := meta.FindStatusCondition(p.Status.Conditions, usherv1.ConditionReady)
				g.Expect(ready.Reason).To(Equal(reason))
				g.Expect(ready.Message).To(ContainSubstring("2026-03-08T09:31:00Z"))
				g.Expect(meta.IsStatusConditionTrue(p.Status.Conditions, usherv1.ConditionReconciling)).To(BeTrue())
				g.Expect(Waits(&p.Status)).To(BeTrue())

				o = written(o, p)
				// If the mail is the first, a restarted operator does not know which address has reached its limit.
				// The quota may be another one after a restart, so it is asked again; unless the time could be the end of a lease.
				lost := reason == usherv1.ReasonRecipientLimited && was.Recipient == "" ||
					reason == usherv1.ReasonQuotaReached && was.State != usherv1.InvitationSending
				g.Expect(Decide(o, now.Add(59*time.Second)).Send).To(BeFalse())
				g.Expect(Decide(restarted(o), now.Add(59*time.Second)).Send).To(Equal(lost), "the hold in status survives a restart")
				g.Expect(Decide(o, now.Add(time.Minute)).Send).To(BeTrue())
				g.Expect(Decide(restarted(o), now.Add(time.Minute)).Send).To(BeTrue())
			})
		}
	}

	t.Run("a short hold is not written", func(t *testing.T) {
		g := NewWithT(t)
		o := observed(situations["RetryDue"], holdFor(usherv1.ReasonRateLimited, 2*time.Second))
		first := written(o, Decide(o, now))
		p := Decide(first, now)
		g.Expect(p.Send).To(BeFalse())
		g.Expect(p.Wake).To(Equal(now.Add(2 * time.Second)))
		g.Expect(Waits(&p.Status)).To(BeFalse())
		g.Expect(p.Status).To(Equal(first.Invitation.Status))
	})
	t.Run("a hold does not apply to another address", func(t *testing.T) {
		g := NewWithT(t)
		o := observed(situations["SentValid"], resend, holdFor(usherv1.ReasonRecipientLimited, time.Hour))
		o = restarted(written(o, Decide(o, now)))
		g.Expect(Decide(o, now.Add(time.Minute)).Send).To(BeFalse())
		readdressed(&o)
		g.Expect(Decide(o, now.Add(time.Minute)).Send).To(BeTrue())
	})
	t.Run("a hold of the account's last mail server ends with another one", func(t *testing.T) {
		for name, situation := range map[string]func(*Observation){
			"the first mail":  func(*Observation) {},
			"another link":    func(o *Observation) { situations["SentValid"](o); resend(o) },
			"another attempt": situations["RetryDue"],
			"after a crash":   linked(usherv1.InvitationSending, due(0)),
		} {
			for _, reason := range []string{usherv1.ReasonRateLimited, usherv1.ReasonRecipientLimited, usherv1.ReasonQuotaReached} {
				g := NewWithT(t)
				o := observed(situation, holdFor(reason, time.Hour))
				o = restarted(written(o, Decide(o, now)))
				o.HoldLifted = true
				g.Expect(Decide(o, now.Add(time.Minute)).Send).To(BeTrue(), name)
				mailDown(&o)
				p := Decide(o, now.Add(time.Minute))
				g.Expect(p.Send).To(BeFalse(), name)
				o = written(o, p)
				o.HoldLifted = false
				mailReady(true, 2*time.Minute)(&o)
				g.Expect(Decide(o, now.Add(2*time.Minute)).Send).To(BeTrue(), "%s, once the other one is ready", name)
			}
		}
	})
	t.Run("a hold ends when no mail is wanted any more", func(t *testing.T) {
		g := NewWithT(t)
		o := observed(linked(usherv1.InvitationSent, expires(48*time.Hour)), readdressed, holdFor(usherv1.ReasonRecipientLimited, time.Hour))
		o = written(o, Decide(o, now))
		o.Member.Spec.Email = ada
		s := Decide(o, now.Add(time.Minute)).Status
		g.Expect(s.NextAttemptAt).To(BeNil())
		g.Expect(conditions.Reason(s.Conditions, usherv1.ConditionReady)).To(Equal("Sent"))
	})
	t.Run("a quota holds for a day, and says so all the time", func(t *testing.T) {
		for name, situation := range map[string]func(*Observation){
			"the first mail": func(*Observation) {}, "another attempt": situations["RetryDue"],
			"another link": func(o *Observation) {
				situations["SentValid"](o)
				o.Invitation.Status.ExpiresAt = later(48 * time.Hour)
				resend(o)
			},
		} {
			g := NewWithT(t)
			o := observed(situation, holdFor(usherv1.ReasonQuotaReached, 24*time.Hour))
			o = written(o, Decide(o, now))
			for _, at := range []time.Duration{time.Minute, 12 * time.Hour, 23*time.Hour + 30*time.Minute} {
				p := Decide(o, now.Add(at))
				g.Expect(p.Send).To(BeFalse(), "%s after %s", name, at)
				g.Expect(p.Wake).To(Equal(now.Add(24 * time.Hour)))
				g.Expect(p.Status).To(Equal(o.Invitation.Status), "%s after %s", name, at)
			}
			g.Expect(Decide(o, now.Add(24*time.Hour)).Send).To(BeTrue(), name)
		}
	})
	t.Run("an outcome has no hold", func(t *testing.T) {
		g := NewWithT(t)
		o := observed(linked(usherv1.InvitationSending), holdFor(usherv1.ReasonRateLimited, time.Minute))
		g.Expect(Waits(ptr(Outcome(o, "", &delivery.Failure{Class: usherv1.ErrorTemporary, Code: "451"}, now)))).To(BeFalse())
	})
}

func ptr[T any](v T) *T { return &v }

// A sender died, the address changed, and the new address has reached its limit: the condition stays as it is.
func TestALimitOnTheNewAddressAfterADeadSender(t *testing.T) {
	g := NewWithT(t)
	o := observed(linked(usherv1.InvitationSending, due(-time.Second)), readdressed)
	o.Hold = &delivery.Hold{Until: now.Add(time.Minute), Reason: usherv1.ReasonRecipientLimited}
	for range 3 {
		p := Decide(o, now)
		g.Expect(p.Send).To(BeFalse())
		g.Expect(conditions.Reason(p.Status.Conditions, usherv1.ConditionReady)).To(Equal(usherv1.ReasonRecipientLimited))
		o.Invitation.Status = p.Status
	}
}

// A limit on the former address holds no mail to the next one, also where a dead sender left the state Sending.
func TestALimitOnTheFormerAddressAfterADeadSender(t *testing.T) {
	g := NewWithT(t)
	o := observed(linked(usherv1.InvitationSending, due(0)), holdFor(usherv1.ReasonRecipientLimited, time.Hour))
	o = restarted(written(o, Decide(o, now)))
	g.Expect(Decide(o, now).Send).To(BeFalse())
	readdressed(&o)
	p := Decide(o, now)
	g.Expect(p.Send).To(BeTrue())
	g.Expect(p.Status.Recipient).To(Equal("lovelace@acme.example"))
}

// A mail that has its turn with a server in trouble, and is held by a limit, says so on every look.
func TestAHoldOfAMailThatHasItsTurn(t *testing.T) {
	g := NewWithT(t)
	o := observed(mailDown, linked(usherv1.InvitationPending, due(0)), holdFor(usherv1.ReasonRateLimited, time.Minute))
	o.Turn = true
	p := Decide(o, now)
	g.Expect(Waits(&p.Status)).To(BeTrue())
	again := Decide(written(o, p), now)
	g.Expect(again.Status).To(Equal(p.Status))
}
