// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	creds "github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/reason"
	"github.com/usher-dev/usher/internal/seat"
)

// anyObservation draws a Member with any status, even one that Usher never writes, in any account.
var anyObservation = rapid.Custom(func(t *rapid.T) Observation {
	chance := func(name string) bool { return rapid.IntRange(0, 4).Draw(t, name) == 0 }
	o := observed(noPools)
	for _, name := range []string{"base", "other", "pipes"} {
		if name != "base" && !chance(name) || name == "base" && chance("no base") {
			continue
		}
		p := aPool(name)
		if name == "pipes" {
			addOn("pipelines")(&p)
		}
		if chance("on acceptance") {
			onAcceptance(&p)
		}
		if chance("terminating") && chance("really") {
			terminating(&p)
			if chance("allowed") {
				allowed(&p)
			}
		}
		p.Status.ObservedGeneration = rapid.SampledFrom([]int64{-1, 0, 1, 1, 1}).Draw(t, "observedGeneration")
		if claim := rapid.Int64Range(-3, 6).Draw(t, "claim"); claim > 0 {
			p.Status.Claims = map[string]int64{adaUID: claim}
		}
		if chance("full") {
			p.Status.Available = new(int32)
		}
		o.Pools = append(o.Pools, p)
	}
	for _, name := range []string{"base", "gone", "other", "pipes"} {
		if grant := rapid.Int64Range(-3, 6).Draw(t, "grant"); grant >= 0 {
			recorded(name, grant, rapid.Int64Range(0, 6).Draw(t, "released"))(&o)
		}
	}
	for _, name := range []string{"base", "other", "pipes", "nowhere"} {
		if chance("ref " + name) {
			o.Member.Spec.SeatPoolRefs = append(o.Member.Spec.SeatPoolRefs, usherv1.SeatPoolReference{Name: name})
		}
	}
	was(rapid.SampledFrom([]usherv1.ObservedState{"", "Pending", "Active", "Disabled"}).Draw(t, "state"))(&o)
	for _, fact := range []struct {
		name string
		edit edit
	}{
		{"accepted before", acceptedBefore}, {"deleting", deleting}, {"disabled", disabled}, {"immediate", immediate}, {"rival", rival},
		{"holder", holder}, {"marked", marksEmail}, {"changing", changing()},
		{"account disabled", accountDisabled}, {"mail down", mailDown}, {"mail unknown", mailUnknown}, {"former", remembersUID("uid-former")},
		{"ended", endsIn(-time.Hour)}, {"ends", endsIn(time.Hour)},
		{"forgotten", remembersUID(adaUID)}, {"account going", accountDeleting}, {"no account", noAccount},
	} {
		if chance(fact.name) && (fact.name != "no account" && fact.name != "account going" || chance("really")) {
			fact.edit(&o)
		}
	}
	if chance("credentials") || chance("credentials, still") {
		credentials(func(c *Credentials) {
			c.MemberUID = rapid.SampledFrom([]string{adaUID, adaUID, "uid-former", "uid-restored", ""}).Draw(t, "credentials of")
			c.Email = rapid.SampledFrom([]string{adaEmail, adaEmail, "eve@acme.example", ""}).Draw(t, "credentials for")
			c.Signature, c.HasPassword, c.Immutable = anySignature.Draw(t, "signature"), chance("password"), chance("immutable")
			if rapid.IntRange(0, 9).Draw(t, "foreign") == 0 {
				foreign(c)
			}
		})(&o)
	}
	if chance("no invitation") {
		o.NameTaken = chance("name taken")
		return o
	}
	invitation(rapid.SampledFrom([]usherv1.InvitationState{
		"", usherv1.InvitationPending, usherv1.InvitationSending, usherv1.InvitationSent, usherv1.InvitationSent, usherv1.InvitationAccepted,
		usherv1.InvitationDeclined, usherv1.InvitationExpired, usherv1.InvitationRevoked, usherv1.InvitationFailed,
	}).Draw(t, "invitation"))(&o)
	if chance("raised") {
		raised(o.Invitation)
	}
	if chance("revoked") {
		revokedBySpec(o.Invitation)
	}
	if chance("readdressed") {
		readdressed(&o)
	}
	if chance("failed") {
		failedAs(rapid.SampledFrom([]usherv1.ErrorClass{usherv1.ErrorTemporary, usherv1.ErrorConfiguration}).Draw(t, "class"))(o.Invitation)
	}
	return o
})

// anySignature is mostly a valid one.
var anySignature = rapid.SampledFrom([]creds.Signature{
	creds.Signed, creds.Signed, creds.Signed, creds.Signed, creds.Signed, creds.SignedBefore, creds.Unsigned, creds.Unchecked,
})

// written returns the observation after the decision's effects, with the status as the API server returns it.
func written(t rapid.TB, o Observation, d Decision) Observation {
	switch {
	case d.DropCredentials:
		o.Credentials = nil
	case d.MakeCredentials:
		credentials()(&o)
	case d.MoveCredentials:
		moved := *o.Credentials
		moved.Email = string(o.Member.Spec.Email)
		o.Credentials = &moved
	}
	if d.TakeOverCredentials || d.SignAgain {
		signed := *o.Credentials
		signed.Signature = creds.Signed
		if d.TakeOverCredentials {
			signed.MemberUID, signed.Email = string(o.Member.UID), string(o.Member.Spec.Email)
		}
		o.Credentials = &signed
	}
	if d.AdoptCredentials {
		adopted := *o.Credentials
		adopted.MemberUID = string(o.Member.UID)
		o.Credentials = &adopted
	}
	raw, err := json.Marshal(d.Status)
	if err != nil {
		t.Fatal(err)
	}
	o.Member = o.Member.DeepCopy()
	if d.MarkEmail {
		o.Member.Annotations = map[string]string{usherv1.EmailInUseAnnotation: d.Status.Email}
		if o.Member.Spec.Email.SameAs(usherv1.EmailAddress(d.Status.Email)) {
			o.Member.Annotations = nil
		}
	}
	o.Member.Status = usherv1.MemberStatus{}
	if err := json.Unmarshal(raw, &o.Member.Status); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestDecideIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyObservation.Draw(t, "observation")
		d := Decide(o, now)
		// An effect comes before the status, and the status is decided again after it. Once a member that names none of several base
		// pools has lost its seat, its pool is ambiguous.
		for d.DropCredentials || d.MakeCredentials || d.MoveCredentials || d.TakeOverCredentials || d.SignAgain || d.AdoptCredentials || !equality.Semantic.DeepEqual(o.choice(), settled(o, d.Status).choice()) {
			o = written(t, o, d)
			d = Decide(o, now)
		}
		again := written(t, o, d)
		d2 := Decide(again, now.Add(conditions.Grace-time.Second))
		if !equality.Semantic.DeepEqual(again.Member.Status, d2.Status) {
			t.Fatalf("decided\n%+v\nand then\n%+v", again.Member.Status, d2.Status)
		}
		if d2.DropCredentials || d2.MakeCredentials || d2.MoveCredentials || d2.TakeOverCredentials || d2.SignAgain || d2.Withdraws || d2.DeferStatus || d2.MarkEmail || d2.Invite != d.Invite || d2.Forget != d.Forget {
			t.Fatalf("the second decision differs: %+v, %+v", d, d2)
		}
	})
}

func TestDecideInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyObservation.Draw(t, "observation")
		before := o.Member.DeepCopy()
		d := Decide(o, now)
		s := d.Status
		if !equality.Semantic.DeepEqual(o.Member, before) {
			t.Fatalf("the observation was changed")
		}

		trues := 0
		for _, kind := range []string{usherv1.ConditionPending, usherv1.ConditionActive, usherv1.ConditionDisabled} {
			if meta.IsStatusConditionTrue(s.Conditions, kind) {
				trues++
				if kind != string(s.State) {
					t.Fatalf("%s is True in state %s", kind, s.State)
				}
			}
		}
		if trues != 1 {
			t.Fatalf("%d of Pending, Active and Disabled are True", trues)
		}
		isReady := meta.IsStatusConditionTrue(s.Conditions, ready)
		waits, stuck := meta.FindStatusCondition(s.Conditions, reconciling) != nil, meta.FindStatusCondition(s.Conditions, stalled) != nil
		if (isReady && (waits || stuck)) || (waits && stuck) || !(isReady || waits || stuck) {
			t.Fatalf("Ready %v, Reconciling %v, Stalled %v", isReady, waits, stuck)
		}

		seats := map[string]usherv1.MemberSeat{}
		for _, x := range s.Seats {
			seats[x.Pool] = x
		}
		for _, b := range before.Status.Seats {
			after, found := seats[b.Pool]
			if !found && (b.Grant > 0 || b.ReleasedGrant > 0) {
				t.Fatalf("the seat of %s was dropped", b.Pool)
			}
			if after.ReleasedGrant < b.ReleasedGrant || after.Grant < b.Grant {
				t.Fatalf("%+v became %+v", b, after)
			}
		}
		holdsBase := false
		for _, x := range s.Seats {
			p := o.pool(x.Pool)
			if x.Held() && x.AddOn == "" {
				holdsBase = true
			}
			if x.Held() && s.State == usherv1.ObservedActive && (p == nil || seat.TakesBack(p)) {
				t.Fatalf("Active with a seat of %s, which does not exist or takes its seats back", x.Pool)
			}
			if x.Held() && s.State == usherv1.ObservedActive && p.Status.ObservedGeneration > 0 && o.claim(x.Pool) <= x.ReleasedGrant {
				t.Fatalf("Active with a seat of %s without a claim", x.Pool)
			}
		}
		if s.State == usherv1.ObservedActive && (!holdsBase || s.AcceptedAt == nil) {
			t.Fatalf("Active, with a base seat: %v, accepted: %v", holdsBase, s.AcceptedAt)
		}

		own := o.Member.DeletionTimestamp != nil || o.Member.Spec.State == usherv1.StateDisabled || o.Member.Spec.Ended(now)
		unseen := s.State != usherv1.ObservedActive && before.Status.ActivatedAt != nil && (!o.Withdrawn || d.RotateToken) && !d.AwaitsWithdrawal
		if want := (!own || unseen) && loses(before.Status, s); d.Withdraws != want {
			t.Fatalf("Withdraws is %v; %+v became %+v", d.Withdraws, before.Status, s)
		}
		if d.Invite && (o.Invitation != nil || s.State != usherv1.ObservedPending || s.AcceptedAt != nil || !holdsBase && !seat.WaitsForAcceptance(o.pool(o.choice().Base), false)) {
			t.Fatalf("invites a member that may not be invited")
		}
		if d.Forget && (o.Member.DeletionTimestamp == nil || o.Credentials != nil && !o.acceptance().LeftAlone() || slices.ContainsFunc(o.Pools, func(p usherv1.SeatPool) bool { return p.Status.Claims[adaUID] > 0 })) {
			t.Fatalf("releases a member of which something is left")
		}
	})
}

// unreached are the reasons that anyObservation does not lead to, and why.
var unreached = map[string]string{
	usherv1.ReasonPlanNotFound:    "the account has no plan; anySituation draws one",
	usherv1.ReasonRoleNotInPlan:   "the Member names no role; anySituation draws one",
	usherv1.ReasonRightNotInPlan:  "the Member names no right; see TestDecide",
	usherv1.ReasonDeletionBlocked: "the Member owns nothing; see TestDeletion",
}

// The properties above cover only the reasons that anyObservation leads to: every row of the table, except those in unreached.
func TestAnyObservationReachesEveryReason(t *testing.T) {
	reached := map[string]bool{}
	for seed := range 2000 {
		reached[conditions.Reason(Decide(anyObservation.Example(seed), now).Status.Conditions, ready)] = true
	}
	for _, row := range reason.Members() {
		switch why, excepted := unreached[row.Reason]; {
		case !excepted && !reached[row.Reason]:
			t.Errorf("no observation led to %s, or decide.go has no case for it; add the case, have anyObservation draw one that leads to it, or add the reason to unreached", row.Reason)
		case excepted && reached[row.Reason]:
			t.Errorf("an observation led to %s; remove it from unreached (%s)", row.Reason, why)
		}
		delete(reached, row.Reason)
	}
	if len(reached) > 0 {
		t.Errorf("reasons without a row in the table: %v", reached)
	}
}

// loses reports whether a member that had access, or a seat, has lost it.
func loses(before, after usherv1.MemberStatus) bool {
	held := func(s usherv1.MemberStatus) (pools []string) {
		for _, x := range s.Seats {
			if x.Grant > x.ReleasedGrant {
				pools = append(pools, x.Pool)
			}
		}
		return pools
	}
	for _, pool := range held(before) {
		if !slices.Contains(held(after), pool) {
			return true
		}
	}
	return before.State == usherv1.ObservedActive && after.State != usherv1.ObservedActive
}

// Every condition has a reason, a known status and a transition time, because the API server refuses others.
func TestConditionsAreComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, c := range Decide(anyObservation.Draw(t, "observation"), now).Status.Conditions {
			if c.Reason == "" || c.Status == metav1.ConditionUnknown || c.LastTransitionTime.IsZero() {
				t.Fatalf("incomplete: %+v", c)
			}
		}
	})
}
