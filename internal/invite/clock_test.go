// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/delivery"
	"github.com/usher-dev/usher/internal/moment"
)

// Whatever an operator wrote whose clock is wrong by any amount, one whose clock is right waits for no longer than for what a right clock
// could have written, and settles at once.
func TestNoClockIsBelievedForEver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyObservation.Draw(t, "observation")
		o.Invitation.CreationTimestamp = *later(-3 * year)
		wrong := now.Add(time.Duration(rapid.Int64Range(int64(-2*year), int64(2*year)).Draw(t, "error of the writer's clock")))
		written := stored(t, o, Decide(o, wrong).Status)

		p := Decide(written, now)
		// Beyond a lease or a limit, only a link's end is waited for, and the points before it.
		longest := delivery.LongestWait
		if p.Status.State == usherv1.InvitationSent {
			longest = LongestTTL
		}
		if !p.Wake.IsZero() && p.Wake.Sub(now) > longest+moment.Skew {
			t.Fatalf("waits until %s for %+v", p.Wake, p.Status)
		}
		again := stored(t, written, p.Status)
		if p2 := Decide(again, now); !equality.Semantic.DeepEqual(again.Invitation.Status, p2.Status) {
			t.Fatalf("decided\n%+v\nand then\n%+v", again.Invitation.Status, p2.Status)
		}
	})
}

func TestATemporaryFailureIsGivenUpAfterOneTTLOfARightClock(t *testing.T) {
	g := NewWithT(t)
	o := observed(linked(usherv1.InvitationPending, failed(usherv1.ErrorTemporary, 0), due(time.Minute), firstTried(year)))
	p := Decide(o, now)
	g.Expect(p.Status.FirstAttemptAt).To(Equal(later(0)), "the ttl begins now")
	o.Invitation.Status = p.Status
	o.Invitation.Status.NextAttemptAt = later(usherv1.DefaultTTL + time.Minute) // an attempt was made shortly before
	g.Expect(Decide(o, now.Add(usherv1.DefaultTTL-time.Second)).Status.State).To(Equal(usherv1.InvitationPending))
	g.Expect(Decide(o, now.Add(usherv1.DefaultTTL)).Status.State).To(Equal(usherv1.InvitationFailed))
}

func TestAReminderDoesNotWaitForAClockThatWasAhead(t *testing.T) {
	g := NewWithT(t)
	o := observed(linked(usherv1.InvitationSent, expires(40*time.Hour)), memberIs(usherv1.ReasonAwaitingAcceptance))
	o.Account.Spec.Invitations.Reminders = []usherv1.Lead{"48h"}
	o.Invitation.Status.Reminders = []usherv1.Reminder{{Before: "48h", Attempts: 1, NextAttemptAt: later(year)}}
	g.Expect(Decide(o, now).Remind).To(BeEquivalentTo("48h"))
}

// Every time of a status is one that the API server stores as it is.
func TestStatusTimesHaveNoFraction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyObservation.Draw(t, "observation")
		at := now.Add(time.Duration(rapid.Int64Range(1, 1e9-1).Draw(t, "fraction")))
		s := Decide(o, at).Status
		for name, is := range map[string]*metav1.Time{
			"sentAt": s.SentAt, "expiresAt": s.ExpiresAt, "firstAttemptAt": s.FirstAttemptAt, "nextAttemptAt": s.NextAttemptAt,
		} {
			if is != nil && is.Nanosecond() != 0 {
				t.Fatalf("%s is %s", name, is.Format(time.RFC3339Nano))
			}
		}
	})
}
