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

// told is what was decided, as the next look finds it.
func told(o Observation, p Plan) Observation {
	o.Invitation = o.Invitation.DeepCopy()
	o.Invitation.Status = p.Status
	return o
}

func forgotten(o Observation) Observation {
	o.Hold = nil
	return o
}

// A mail that is held says so, and until when; what was sent before stays as it is, and the link is made only when the mail goes.
func TestHold(t *testing.T) {
	for _, reason := range []string{usherv1.ReasonRateLimited, usherv1.ReasonRecipientLimited} {
		for name, situation := range map[string]func(*Observation){
			"the first mail": func(*Observation) {},
			"another link":   func(o *Observation) { situations["SentAlive"](o); resend(o) },
			"another try":    situations["RetryDue"],
			"after a crash":  linked(usherv1.InvitationSending, due(0)),
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

				o = told(o, p)
				// After a restart it is unknown which address reached its limit when the mail is the first.
				lost := reason == usherv1.ReasonRecipientLimited && was.Recipient == ""
				g.Expect(Decide(forgotten(o), now.Add(59*time.Second)).Send).To(Equal(lost), "what was told outlives a restart")
				g.Expect(Decide(o, now.Add(time.Minute)).Send).To(BeTrue())
				g.Expect(Decide(forgotten(o), now.Add(time.Minute)).Send).To(BeTrue())
			})
		}
	}

	t.Run("for a moment is not worth a write", func(t *testing.T) {
		g := NewWithT(t)
		o := observed(situations["RetryDue"], holdFor(usherv1.ReasonRateLimited, 2*time.Second))
		first := told(o, Decide(observed(situations["RetryDue"], mailDown), now))
		p := Decide(first, now)
		g.Expect(p.Send).To(BeFalse())
		g.Expect(p.Wake).To(Equal(now.Add(2 * time.Second)))
		g.Expect(Waits(&p.Status)).To(BeFalse())
		g.Expect(p.Status).To(Equal(first.Invitation.Status))
	})
	t.Run("is not for another address", func(t *testing.T) {
		g := NewWithT(t)
		o := observed(situations["SentAlive"], resend, holdFor(usherv1.ReasonRecipientLimited, time.Hour))
		o = forgotten(told(o, Decide(o, now)))
		g.Expect(Decide(o, now.Add(time.Minute)).Send).To(BeFalse())
		moved(&o)
		g.Expect(Decide(o, now.Add(time.Minute)).Send).To(BeTrue())
	})
	t.Run("lasts no longer than the wish for a mail", func(t *testing.T) {
		g := NewWithT(t)
		o := observed(linked(usherv1.InvitationSent, expires(48*time.Hour)), moved, holdFor(usherv1.ReasonRecipientLimited, time.Hour))
		o = told(o, Decide(o, now))
		o.Member.Spec.Email = ada
		s := Decide(o, now.Add(time.Minute)).Status
		g.Expect(s.NextAttemptAt).To(BeNil())
		g.Expect(conditions.Reason(s.Conditions, usherv1.ConditionReady)).To(Equal("Sent"))
	})
	t.Run("says nothing of an outcome", func(t *testing.T) {
		g := NewWithT(t)
		o := observed(linked(usherv1.InvitationSending), holdFor(usherv1.ReasonRateLimited, time.Minute))
		g.Expect(Waits(ptr(Outcome(o, "", &delivery.Failure{Class: usherv1.ErrorTemporary, Code: "451"}, now)))).To(BeFalse())
	})
}

func ptr[T any](v T) *T { return &v }

// A sender died, the address changed, and the new address is limited: what is written of that stays.
func TestALimitOnTheNewAddressAfterADeadSender(t *testing.T) {
	g := NewWithT(t)
	o := observed(linked(usherv1.InvitationSending, due(-time.Second)), moved)
	o.Hold = &delivery.Hold{Until: now.Add(time.Minute), Reason: usherv1.ReasonRecipientLimited}
	for range 3 {
		p := Decide(o, now)
		g.Expect(p.Send).To(BeFalse())
		g.Expect(conditions.Reason(p.Status.Conditions, usherv1.ConditionReady)).To(Equal(usherv1.ReasonRecipientLimited))
		o.Invitation.Status = p.Status
	}
}
