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

// An attempt that was due before the mail is given up is made, however late, and the time that it was late does not count.
func TestWhatCouldNotBeTriedIsTriedBeforeItIsGivenUp(t *testing.T) {
	const week = usherv1.DefaultTTL
	pending, sending := usherv1.InvitationPending, usherv1.InvitationSending
	temporary, configuration := failed(usherv1.ErrorTemporary, -8*24*hour), failed(usherv1.ErrorConfiguration, -8*24*hour)
	for name, tt := range map[string]struct {
		edits []func(*Observation)
		want  string
		// first is when the mail counts as first tried after the attempt.
		first time.Duration
	}{
		"the mail server was away for longer than the ttl": {
			[]func(*Observation){linked(pending, temporary, due(-8*24*hour+time.Minute), firstTried(-9*24*hour))}, "same", -24*hour - time.Minute,
		},
		"and it still is": {
			[]func(*Observation){linked(pending, temporary, due(-8*24*hour), firstTried(-9*24*hour)), mailDown}, ".", 0,
		},
		"an attempt was due a second before the end": {
			[]func(*Observation){linked(pending, temporary, due(-time.Second), firstTried(-week))}, "same", -week + time.Second,
		},
		"an attempt was due at the end": {
			[]func(*Observation){linked(pending, temporary, due(-time.Second), firstTried(-week-time.Second))}, "F", 0,
		},
		"an attempt is due after the end": {
			[]func(*Observation){linked(pending, temporary, due(time.Minute), firstTried(-week))}, "F", 0,
		},
		"no attempt is due": {
			[]func(*Observation){linked(pending, temporary, firstTried(-week))}, "F", 0,
		},
		"no operator ran since a sender died": {
			[]func(*Observation){linked(sending, temporary, due(-8*24*hour), firstTried(-9*24*hour))}, "same", -24 * hour,
		},
		"no operator ran since the first sender died": {
			[]func(*Observation){linked(sending, due(-8*24*hour), firstTried(-8*24*hour-time.Minute))}, "same", -time.Minute,
		},
		"the server refused all mails until its Secret was corrected": {
			[]func(*Observation){linked(pending, configuration, due(-8*24*hour+time.Minute), firstTried(-9*24*hour))}, "same", -24*hour - time.Minute,
		},
		"the clock of the last operator was a year behind": {
			[]func(*Observation){linked(pending, temporary, due(-year), firstTried(-8*24*hour))}, "same", 0,
		},
		"the clock of the last operator was a year ahead": {
			[]func(*Observation){linked(pending, failed(usherv1.ErrorTemporary, year), due(year), firstTried(year))}, "same", 0,
		},
		"in time": {
			[]func(*Observation){linked(pending, temporary, due(0), firstTried(-hour))}, "same", -hour,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			o := observed(tt.edits...)
			before := o.Invitation.Status.DeepCopy()
			p := Decide(o, now)
			g.Expect(abbreviate(*before, p)).To(Equal(tt.want))
			if tt.want == "same" {
				g.Expect(p.Status.FirstAttemptAt).To(Equal(later(tt.first)))
			}
		})
	}
}

// A limit that delays the late attempt does not end it either.
func TestALateAttemptMayHaveToWaitForALimit(t *testing.T) {
	g := NewWithT(t)
	o := observed(
		linked(usherv1.InvitationPending, failed(usherv1.ErrorTemporary, -8*24*hour), due(-8*24*hour), firstTried(-9*24*hour)),
		holdFor(usherv1.ReasonRecipientLimited, time.Hour))
	o = written(o, Decide(o, now))
	g.Expect(Waits(&o.Invitation.Status)).To(BeTrue())
	g.Expect(o.Invitation.Status.FirstAttemptAt).To(Equal(later(-24 * hour)))
	o = written(o, Decide(o, now.Add(time.Minute)))
	g.Expect(o.Invitation.Status.FirstAttemptAt).To(Equal(later(-24*hour)), "once")
	o.Hold = nil
	g.Expect(Decide(o, now.Add(time.Hour)).Send).To(BeTrue())
}

// A mail that never goes out is given up after a ttl in which it could be tried, whenever the mail server was away in between, and not
// earlier.
func TestGivingUpCountsOnlyTheTimeInWhichTheMailCouldBeTried(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, at := observed(), now
		ttl := rapid.SampledFrom([]time.Duration{time.Minute, hour, 72 * hour}).Draw(t, "ttl")
		o.Invitation.Spec.TTL = usherv1.TTL(ttl.String())
		o = written(o, Decide(o, at))
		// tried is the time in which the mail was tried: the server was ready, or no attempt was due.
		tried := time.Duration(0)
		for attempts := 1; ; attempts++ {
			if attempts > 10000 {
				t.Fatalf("not given up after %d attempts in %s", attempts, at.Sub(now))
			}
			failure := delivery.Failure{Class: usherv1.ErrorTemporary, Code: "451"}
			if rapid.IntRange(0, 9).Draw(t, "class") == 0 {
				failure.Class = usherv1.ErrorConfiguration
			}
			o.Invitation.Status = Outcome(o, "", &failure, at)
			next := o.Invitation.Status.NextAttemptAt.Time
			if rapid.IntRange(0, 5).Draw(t, "away") == 0 {
				mailReady(false, 0)(&o)
				back := next.Add(time.Duration(rapid.Int64Range(1, 30*24*3600).Draw(t, "for")) * time.Second)
				for range 3 { // it stays as it is, whenever it is looked at
					p := Decide(o, at.Add(time.Duration(rapid.Int64Range(0, int64(back.Sub(at))).Draw(t, "looked at"))))
					if p.Send || p.Status.State != usherv1.InvitationPending {
						t.Fatalf("%s while the server was away", p.Status.State)
					}
					o = written(o, p)
				}
				o.Account.Status.Conditions[0] = metav1.Condition{
					Type: usherv1.ConditionMailReady, Status: metav1.ConditionTrue, Reason: usherv1.ReasonMailReady,
					LastTransitionTime: metav1.Time{Time: back},
				}
				tried, at = tried+next.Sub(at), back
			} else {
				if left := ttl - tried; failure.Class == usherv1.ErrorTemporary && left < next.Sub(at) {
					next = at.Add(max(left, 0)) // to see that it is not given up earlier, and is then
				}
				tried, at = tried+next.Sub(at), next
			}
			p := Decide(o, at)
			o = written(o, p)
			switch {
			case p.Status.State == usherv1.InvitationFailed && tried < ttl-2*time.Second:
				t.Fatalf("given up after %s, the ttl is %s", tried, ttl)
			case p.Status.State == usherv1.InvitationFailed:
				return
			case !p.Send && tried > ttl+time.Second:
				t.Fatalf("neither sent nor given up after %s", tried)
			}
			if !p.Send { // a second more or less
				at = p.Wake
				o = written(o, Decide(o, at))
				if o.Invitation.Status.State == usherv1.InvitationFailed {
					return
				}
			}
		}
	})
}
