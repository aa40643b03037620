// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
)

// fenced is an Invitation whose fence was written a second ago, at its third attempt.
func fenced(edits ...func(*Observation)) Observation {
	fence := linked(usherv1.InvitationSending, due(delivery.SendLease-time.Second), failed(usherv1.ErrorTemporary, -time.Minute))
	return observed(append([]func(*Observation){fence, func(o *Observation) { o.Invitation.Status.Attempts = 3 }}, edits...)...)
}

func TestOutcomeSent(t *testing.T) {
	g := NewWithT(t)
	o := fenced(func(o *Observation) { o.Invitation.Spec.TTL = "72h" })
	before := *o.Invitation.Status.DeepCopy()
	s := Outcome(o, "", nil, now.Add(700*time.Millisecond))
	g.Expect(o.Invitation.Status).To(Equal(before), "the observation is not touched")
	g.Expect(s.State).To(Equal(usherv1.InvitationSent))
	g.Expect(s.SentAt).To(Equal(later(0)), "what is serialised has no fractions of a second")
	g.Expect(s.ExpiresAt).To(Equal(later(72 * time.Hour)))
	g.Expect(s.LastError).To(BeNil())
	g.Expect(s.NextAttemptAt).To(BeNil())
	g.Expect(s.Attempts).To(Equal(before.Attempts))
	g.Expect(s.LinkGeneration).To(Equal(before.LinkGeneration))
	g.Expect(s.MessageID).To(Equal(before.MessageID))
	expectOneOutlook(g, s.Conditions)
}

func TestOutcomeFailed(t *testing.T) {
	tests := []struct {
		class usherv1.ErrorClass
		state usherv1.InvitationState
		again bool
	}{
		{class: usherv1.ErrorTemporary, state: usherv1.InvitationPending, again: true},
		{class: usherv1.ErrorConfiguration, state: usherv1.InvitationPending, again: true},
		{class: usherv1.ErrorPermanent, state: usherv1.InvitationFailed},
	}
	for _, tt := range tests {
		t.Run(string(tt.class), func(t *testing.T) {
			g := NewWithT(t)
			o := fenced()
			s := Outcome(o, "", &delivery.Failure{Class: tt.class, Code: "4xx"}, now.Add(700*time.Millisecond))
			g.Expect(s.State).To(Equal(tt.state))
			g.Expect(s.LastError).To(Equal(&usherv1.SendError{Class: tt.class, Code: "4xx", At: *later(0)}))
			g.Expect(s.SentAt).To(BeNil())
			g.Expect(s.ExpiresAt).To(BeNil())
			g.Expect(s.FirstAttemptAt).To(Equal(o.Invitation.Status.FirstAttemptAt))
			g.Expect(s.NextAttemptAt != nil).To(Equal(tt.again))
			if tt.again {
				g.Expect(s.NextAttemptAt.Time).To(BeTemporally(">", now))
			}
			expectOneOutlook(g, s.Conditions)
		})
	}
}

// A resend that was asked for while the earlier mail was under way is not lost.
func TestOutcomeLeavesTheNextRequest(t *testing.T) {
	g := NewWithT(t)
	o := fenced(resend)
	o.Invitation.Status = Outcome(o, "", nil, now)
	g.Expect(o.Invitation.Status.State).To(Equal(usherv1.InvitationSent))
	p := Decide(o, now)
	g.Expect(p.Send).To(BeTrue())
	g.Expect(p.Status.SendGeneration).To(BeEquivalentTo(2))
	g.Expect(p.Status.LinkGeneration).To(BeEquivalentTo(6))
}
