// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/delivery"
)

// anyObservation draws any status, even one that Usher never writes, and any combination of facts.
var anyObservation = rapid.Custom(func(t *rapid.T) Observation {
	chance := func(name string) bool { return rapid.IntRange(0, 5).Draw(t, name) == 0 }
	when := func(name string) *metav1.Time {
		if chance("no " + name) {
			return nil
		}
		return later(time.Duration(rapid.Int64Range(-200*3600, 200*3600).Draw(t, name)) * time.Second)
	}
	o := observed()
	inv := o.Invitation
	inv.Spec.SendGeneration = rapid.Int64Range(1, 2).Draw(t, "spec.sendGeneration")
	inv.Spec.TTL = rapid.SampledFrom([]usherv1.TTL{"", "1m", "72h"}).Draw(t, "ttl")
	inv.Status = usherv1.InvitationStatus{
		State: rapid.SampledFrom([]usherv1.InvitationState{
			"", usherv1.InvitationPending, usherv1.InvitationSending, usherv1.InvitationSent, usherv1.InvitationAccepted,
			usherv1.InvitationDeclined, usherv1.InvitationExpired, usherv1.InvitationRevoked, usherv1.InvitationFailed,
		}).Draw(t, "state"),
		Recipient:      rapid.SampledFrom([]string{ada, ada, "ADA@acme.example", "bob@acme.example", ""}).Draw(t, "recipient"),
		SendGeneration: rapid.Int64Range(0, 3).Draw(t, "sendGeneration"),
		LinkGeneration: rapid.Int64Range(0, 4).Draw(t, "linkGeneration"),
		Attempts:       rapid.Int32Range(0, 9).Draw(t, "attempts"),
		FirstAttemptAt: when("firstAttemptAt"), SentAt: when("sentAt"), ExpiresAt: when("expiresAt"), NextAttemptAt: when("nextAttemptAt"),
	}
	inv.Status.MessageID = rapid.SampledFrom([]string{"m@acme.example", ""}).Draw(t, "messageID")
	o.Account.Spec.Invitations.Reminders = rapid.SliceOfN(rapid.SampledFrom([]usherv1.Lead{"720h", "72h", "48h", "2880m", "24h", "1m", "x"}), 0, 5).Draw(t, "reminders")
	for _, before := range []usherv1.Lead{"72h", "48h", "1h"} {
		if rapid.Bool().Draw(t, string(before)+" is recorded") {
			r := usherv1.Reminder{Before: before, Attempts: rapid.Int32Range(1, 9).Draw(t, "attempts of "+string(before))}
			if r.NextAttemptAt = when("nextAttemptAt of " + string(before)); r.NextAttemptAt == nil {
				r.SentAt = when("sentAt of " + string(before))
			}
			inv.Status.Reminders = append(inv.Status.Reminders, r)
		}
	}
	if inv.Status.State == usherv1.InvitationSent && rapid.Bool().Draw(t, "awaiting") {
		memberIs(usherv1.ReasonAwaitingAcceptance)(&o)
		expires(rapid.SampledFrom([]time.Duration{0, time.Second, 40 * time.Second, 20 * hour, 47 * hour, 71 * hour, 167 * hour}).Draw(t, "left"))(&inv.Status)
	}
	if rapid.Bool().Draw(t, "lastError") {
		class := rapid.SampledFrom([]usherv1.ErrorClass{usherv1.ErrorTemporary, usherv1.ErrorPermanent, usherv1.ErrorConfiguration}).Draw(t, "class")
		failed(class, -time.Minute)(&inv.Status)
	}
	if rapid.Bool().Draw(t, "held") {
		reason := rapid.SampledFrom([]string{usherv1.ReasonRateLimited, usherv1.ReasonRecipientLimited, usherv1.ReasonQuotaReached}).Draw(t, "why")
		o.Hold = &delivery.Hold{Until: later(time.Duration(rapid.Int64Range(-10, 3600).Draw(t, "until")) * time.Second).Time, Reason: reason}
		if rapid.Bool().Draw(t, "recorded") {
			inv.Status.NextAttemptAt = &metav1.Time{Time: o.Hold.Until}
			inv.Status.Conditions = []metav1.Condition{{Type: usherv1.ConditionReady, Status: metav1.ConditionFalse, Reason: reason}}
		}
		if chance("restarted") {
			o.Hold, o.HoldLifted = nil, chance("lifted")
		}
	}
	names := slices.Sorted(maps.Keys(facts))
	for range rapid.IntRange(0, 2).Draw(t, "facts") {
		name := rapid.SampledFrom(names).Draw(t, "fact")
		if o.Member == nil || o.Account == nil {
			break
		}
		for _, edit := range facts[name] {
			edit(&o)
		}
	}
	return o
})

// stored returns the observation with the plan's status as the API server returns it.
func stored(t *rapid.T, o Observation, s usherv1.InvitationStatus) Observation {
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	o.Invitation = o.Invitation.DeepCopy()
	o.Invitation.Status = usherv1.InvitationStatus{}
	if err := json.Unmarshal(raw, &o.Invitation.Status); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestDecideIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyObservation.Draw(t, "observation")
		p := Decide(o, now)
		again := stored(t, o, p.Status)
		p2 := Decide(again, now)
		if p2.Send {
			t.Fatalf("sent %v, then again: %+v", p.Send, p2.Status)
		}
		if !equality.Semantic.DeepEqual(again.Invitation.Status, p2.Status) {
			t.Fatalf("decided\n%+v\nand then\n%+v", again.Invitation.Status, p2.Status)
		}
		if !p2.Wake.IsZero() && !p2.Wake.After(now) {
			t.Fatalf("wakes in the past: %s", p2.Wake)
		}
	})
}

func TestSendInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyObservation.Draw(t, "observation")
		p := Decide(o, now)
		was := o.Invitation.Status
		if p.Status.LinkGeneration < was.LinkGeneration {
			t.Fatalf("the link's generation went down: an old link works again")
		}
		if !p.Send {
			if p.Status.LinkGeneration != was.LinkGeneration || p.Status.Attempts != was.Attempts {
				t.Fatalf("a link was created and not sent")
			}
			return
		}
		switch {
		case o.Member == nil || o.Account == nil:
			t.Fatalf("sent without a recipient")
		case p.Remind == "" && !Cleared(o.Member, o.Invitation, o.Account):
			t.Fatalf("sent without a seat")
		case p.Remind != "" && (was.State != usherv1.InvitationSent || !now.Before(was.ExpiresAt.Time)):
			t.Fatalf("reminded of a link that does not work")
		case p.Remind != "" && conditions.Reason(o.Member.Status.Conditions, usherv1.ConditionReady) != usherv1.ReasonAwaitingAcceptance:
			t.Fatalf("reminded a member that does not have to answer")
		case o.Answered || o.Member.Status.AcceptedAt != nil:
			t.Fatalf("sent to a member that has answered")
		case o.Invitation.Spec.State == usherv1.InvitationRevokedWish:
			t.Fatalf("sent although it was revoked")
		case o.Member.DeletionTimestamp != nil || o.Member.Spec.State == usherv1.StateDisabled || o.Account.Spec.State == usherv1.StateDisabled:
			t.Fatalf("sent to a member that may not have access")
		case !meta.IsStatusConditionTrue(o.Account.Status.Conditions, usherv1.ConditionMailReady) && !o.Turn:
			t.Fatalf("sent without a mail server")
		case was.State == usherv1.InvitationSending && !lifted(o) && clockOf(o, now).Awaits(was.NextAttemptAt, longestLease(o, now)):
			t.Fatalf("sent during the lease of another sender")
		case p.Status.Recipient == "" || !Current(&usherv1.Invitation{Spec: o.Invitation.Spec, Status: p.Status}, string(o.Member.Spec.Email)):
			t.Fatalf("sent a link that no one requested: %+v", p.Status)
		}
	})
}

// The properties above cover only the decisions that anyObservation leads to.
func TestAnyObservationReachesEveryDecision(t *testing.T) {
	reached := map[string]bool{}
	for seed := range 6000 {
		o := anyObservation.Example(seed)
		reached[abbreviate(o.Invitation.Status, Decide(o, now))] = true
	}
	for _, cell := range []string{".", "w", "new", "same", "remind", "A", "R", "X", "F"} {
		if !reached[cell] {
			t.Errorf("no observation led to %q", cell)
		}
	}
}
