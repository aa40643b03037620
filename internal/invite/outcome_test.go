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

// claimed returns the Observation of an Invitation whose third attempt was claimed a second ago.
func claimed(edits ...func(*Observation)) Observation {
	claim := linked(usherv1.InvitationSending, due(delivery.SendLease-time.Second), failed(usherv1.ErrorTemporary, -time.Minute))
	return observed(append([]func(*Observation){claim, func(o *Observation) { o.Invitation.Status.Attempts = 3 }}, edits...)...)
}

func TestOutcomeSent(t *testing.T) {
	g := NewWithT(t)
	o := claimed(func(o *Observation) { o.Invitation.Spec.TTL = "72h" })
	before := *o.Invitation.Status.DeepCopy()
	s := Outcome(o, "", nil, now.Add(700*time.Millisecond))
	g.Expect(o.Invitation.Status).To(Equal(before), "the observation is unchanged")
	g.Expect(s.State).To(Equal(usherv1.InvitationSent))
	g.Expect(s.SentAt).To(Equal(later(0)), "times in status have no fractions of a second")
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
			o := claimed()
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

// A resend that is requested while the earlier mail is being sent is not lost.
func TestOutcomeLeavesTheNextRequest(t *testing.T) {
	g := NewWithT(t)
	o := claimed(resend)
	o.Invitation.Status = Outcome(o, "", nil, now)
	g.Expect(o.Invitation.Status.State).To(Equal(usherv1.InvitationSent))
	p := Decide(o, now)
	g.Expect(p.Send).To(BeTrue())
	g.Expect(p.Status.SendGeneration).To(BeEquivalentTo(2))
	g.Expect(p.Status.LinkGeneration).To(BeEquivalentTo(6))
}
