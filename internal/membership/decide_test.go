// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/plan"
)

// The contract's table, in its order: every state and reason with what Ready, Reconciling and Stalled say.
const (
	ready       = usherv1.ConditionReady
	reconciling = usherv1.ConditionReconciling
	stalled     = usherv1.ConditionStalled
)

func TestDecide(t *testing.T) {
	plain := aPool("base")
	free := func(p *usherv1.SeatPool) { n := int32(1); p.Status.Available = &n }
	tests := []struct {
		name    string
		edits   []edit
		state   usherv1.ObservedState
		reason  string
		outlook string
		message string
		invite  bool
		wakes   bool
	}{
		{
			name: "a seat in hand and no invitation", edits: []edit{claims("base", 7)},
			state: "Pending", reason: "Inviting", outlook: reconciling, invite: true,
		},
		{name: "an invitation that was not sent yet", edits: []edit{holding("base", 7), invitation("Pending")}, state: "Pending", reason: "Inviting", outlook: reconciling},
		{name: "a mail under way", edits: []edit{holding("base", 7), invitation("Sending")}, state: "Pending", reason: "Inviting", outlook: reconciling},
		{
			name: "a mail that failed for now", edits: []edit{holding("base", 7), invitation("Pending", failedAs(usherv1.ErrorTemporary))},
			state: "Pending", reason: "Inviting", outlook: reconciling,
		},
		{name: "asked to send again", edits: []edit{holding("base", 7), invitation("Sent", raised)}, state: "Pending", reason: "Inviting", outlook: reconciling},
		{name: "the address changed", edits: []edit{holding("base", 7), invitation("Sent"), readdressed}, state: "Pending", reason: "Inviting", outlook: reconciling},
		{name: "enabled again", edits: []edit{holding("base", 7), invitation("Revoked")}, state: "Pending", reason: "Inviting", outlook: reconciling},
		{name: "the acceptance is gone", edits: []edit{holding("base", 7), invitation("Accepted"), acceptedBefore}, state: "Pending", reason: "Inviting", outlook: reconciling},
		{name: "no seat is needed before the acceptance", edits: []edit{pools(aPool("base", onAcceptance))}, state: "Pending", reason: "Inviting", outlook: reconciling, invite: true},
		{name: "the mail server was not tried yet", edits: []edit{holding("base", 7), mailUnknown}, state: "Pending", reason: "Inviting", outlook: reconciling, invite: true},
		{name: "credentials are made without an invitation", edits: []edit{immediate}, state: "Pending", reason: "Inviting", outlook: reconciling},
		{
			name: "the invitation's name is taken", edits: []edit{holding("base", 7), nameTaken},
			state: "Pending", reason: "Inviting", outlook: stalled, message: "delete it, or write another Invitation",
		},

		{
			name: "invited", edits: []edit{holding("base", 7), invitation("Sent")},
			state: "Pending", reason: "AwaitingAcceptance", outlook: ready, message: "until 2026-03-08T10:30:00Z",
		},
		{name: "invited without a seat", edits: []edit{pools(aPool("base", onAcceptance)), invitation("Sent")}, state: "Pending", reason: "AwaitingAcceptance", outlook: ready},
		{name: "invited, then the mail server went down", edits: []edit{holding("base", 7), invitation("Sent"), mailDown}, state: "Pending", reason: "AwaitingAcceptance", outlook: ready},

		{name: "every seat is taken", state: "Pending", reason: "SeatUnavailable", outlook: reconciling, message: "the invitation goes out by itself", wakes: true},
		{
			name: "every seat is taken, by the pool's own count", edits: []edit{editPool("base", func(p *usherv1.SeatPool) { p.Status.Available = new(int32) })},
			state: "Pending", reason: "SeatUnavailable", outlook: reconciling,
		},
		{
			name: "every seat is taken, but for one that is not granted yet", edits: []edit{editPool("base", free)},
			state: "Pending", reason: "SeatUnavailable", outlook: reconciling, wakes: true,
		},
		{
			name: "accepted, and every seat is taken", edits: []edit{credentials(), pools(aPool("base", onAcceptance))},
			state: "Pending", reason: "SeatUnavailable", outlook: reconciling, message: "access starts by itself", wakes: true,
		},
		{name: "a seat unavailable comes before a mail server that is", edits: []edit{mailDown}, state: "Pending", reason: "SeatUnavailable", outlook: reconciling, wakes: true},
		{
			name: "asked again after it expired, and another member has the seat by now", edits: []edit{recorded("base", 7, 7), invitation("Expired", raised)},
			state: "Pending", reason: "SeatUnavailable", outlook: reconciling, wakes: true,
		},

		{name: "expired", edits: []edit{holding("base", 7), invitation("Expired")}, state: "Pending", reason: "InvitationExpired", outlook: stalled, message: "raise the Invitation's spec.sendGeneration"},
		{name: "taken back", edits: []edit{holding("base", 7), invitation("Sent", takenBack)}, state: "Pending", reason: "InvitationRevoked", outlook: stalled, message: "set its spec.state to Open"},
		{name: "declined", edits: []edit{holding("base", 7), invitation("Declined")}, state: "Pending", reason: "InvitationDeclined", outlook: stalled, message: "raise the Invitation's spec.sendGeneration"},
		{
			name: "refused for good", edits: []edit{holding("base", 7), invitation("Failed", failedAs(usherv1.ErrorPermanent))},
			state: "Pending", reason: "MailRejected", outlook: stalled, message: "refused the recipient for good (550 5.1.1)",
		},
		{name: "never taken in time", edits: []edit{holding("base", 7), invitation("Failed", failedAs(usherv1.ErrorTemporary))}, state: "Pending", reason: "MailRejected", outlook: stalled, message: "in time"},

		{
			name: "no usable mail server", edits: []edit{holding("base", 7), mailDown},
			state: "Pending", reason: "MailNotReady", outlook: reconciling, message: "(ServerUnreachable): connection refused", invite: true,
		},
		{
			name: "the mail server did not take this mail", edits: []edit{holding("base", 7), invitation("Pending", failedAs(usherv1.ErrorConfiguration))},
			state: "Pending", reason: "MailNotReady", outlook: reconciling, message: "550 5.1.1",
		},

		{name: "another member's address", edits: []edit{holding("base", 7), rival}, state: "Pending", reason: "DuplicateEmail", outlook: stalled, message: "Member bob"},
		{name: "no account", edits: []edit{noAccount}, state: "Pending", reason: "AccountNotFound", outlook: stalled, message: "no Account acme in this namespace; create it"},
		{name: "no plan", edits: []edit{onPlan(nil)}, state: "Pending", reason: "PlanNotFound", outlook: stalled, message: "no Plan starter; create it"},
		{name: "active, and the plan is gone", edits: []edit{active, onPlan(nil)}, state: "Pending", reason: "PlanNotFound", outlook: stalled},
		{name: "a role that the plan does not have", edits: []edit{onPlan(aPlan()), role("boss")}, state: "Pending", reason: "RoleNotInPlan", outlook: stalled, message: "Plan starter has no role boss; its roles are admin, seller"},
		{name: "a role that does not exist without a plan", edits: []edit{role("boss")}, state: "Pending", reason: "RoleNotInPlan", outlook: stalled, message: "without a plan has no role boss; its roles are admin, member"},
		{name: "active, and the role is gone from the plan", edits: []edit{active, onPlan(aPlan()), role("boss")}, state: "Pending", reason: "RoleNotInPlan", outlook: stalled},
		{name: "a right that the plan does not have", edits: []edit{onPlan(aPlan()), rights("orders:cancel")}, state: "Pending", reason: "RightNotInPlan", outlook: stalled, message: "no right orders:cancel; its rights are orders:place"},
		{name: "invited, and the role is gone from the plan", edits: []edit{onPlan(aPlan()), holding("base", 7), invitation("Sent"), role("boss")}, state: "Pending", reason: "RoleNotInPlan", outlook: stalled},
		{name: "a Secret by someone else is in the way", edits: []edit{credentials(foreign)}, state: "Pending", reason: "CredentialsInvalid", outlook: stalled, message: "Usher did not make Secret usher-member-ada"},
		{name: "active, and the credentials are someone else's Secret now", edits: []edit{active, credentials(foreign)}, state: "Pending", reason: "CredentialsInvalid", outlook: stalled},
		{name: "a Secret by someone else is in the way of who needs no invitation", edits: []edit{immediate, credentials(foreign)}, state: "Pending", reason: "CredentialsInvalid", outlook: stalled},
		{name: "no pool", edits: []edit{noPools}, state: "Pending", reason: "SeatPoolNotFound", outlook: stalled, message: "create one"},
		{name: "a pool that is not there", edits: []edit{refs("other")}, state: "Pending", reason: "SeatPoolNotFound", outlook: stalled, message: "no SeatPool other"},
		{name: "several pools", edits: []edit{pools(plain, aPool("other"))}, state: "Pending", reason: "SeatPoolNotFound", outlook: stalled, message: "name one in spec.seatPoolRefs"},
		{
			name: "an add-on's pool that is not there", edits: []edit{holding("base", 7), refs("base", "pipes")},
			state: "Pending", reason: "SeatPoolNotFound", outlook: stalled, message: "no SeatPool pipes",
		},

		{name: "accepted", edits: []edit{claims("base", 7), credentials()}, state: "Active", reason: "Accepted", outlook: ready},
		{name: "accepted, whatever became of the invitation", edits: []edit{holding("base", 7), credentials(), invitation("Expired", takenBack)}, state: "Active", reason: "Accepted", outlook: ready},
		{name: "active without an invitation", edits: []edit{holding("base", 7), credentials(), immediate}, state: "Active", reason: "Activated", outlook: ready},
		{
			name: "active, an add-on's seat is missing", edits: []edit{pools(plain, aPool("pipes", addOn("pipelines"))), holding("base", 7), credentials(), refs("base", "pipes")},
			state: "Active", reason: "AddOnSeatUnavailable", outlook: ready, message: "waiting for a seat of pipes",
		},
		{
			name: "active, an add-on's pool is missing", edits: []edit{holding("base", 7), credentials(), refs("base", "pipes")},
			state: "Active", reason: "AddOnSeatUnavailable", outlook: ready, message: "waiting for a seat of pipes",
		},

		{name: "disabled", edits: []edit{active, disabled}, state: "Disabled", reason: "DisabledBySpec", outlook: ready, message: "set spec.state to Active"},
		{name: "disabled before it accepted", edits: []edit{holding("base", 7), invitation("Sent"), disabled}, state: "Disabled", reason: "DisabledBySpec", outlook: ready},
		{name: "access has ended", edits: []edit{active, endsIn(0)}, state: "Disabled", reason: "AccessEnded", outlook: ready, message: "ended at 2026-03-08T09:30:00Z"},
		{name: "access had ended before it began", edits: []edit{endsIn(-time.Hour)}, state: "Disabled", reason: "AccessEnded", outlook: ready, message: "later time"},
		{name: "access ends some time", edits: []edit{active, endsIn(time.Hour)}, state: "Active", reason: "Accepted", outlook: ready, wakes: true},
		{name: "the account is disabled", edits: []edit{active, accountDisabled}, state: "Disabled", reason: "AccountDisabled", outlook: ready, message: "seats are kept"},
		{name: "being deleted", edits: []edit{active, deleting}, state: "Disabled", reason: "Deleting", outlook: reconciling},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			o := observed(tt.edits...)
			before := o.Member.DeepCopy()
			d := Decide(o, now)
			g.Expect(o.Member).To(Equal(before), "the observation is not touched")
			expectState(g, d.Status, tt.state, tt.reason, tt.outlook)
			g.Expect(meta.FindStatusCondition(d.Status.Conditions, ready).Message).To(ContainSubstring(tt.message))
			g.Expect(d.Invite).To(Equal(tt.invite), "Invite")
			g.Expect(d.Wake.IsZero()).To(Equal(!tt.wakes), "Wake")
			g.Expect(d.Status.ObservedGeneration).To(BeEquivalentTo(4))
			if d.Invite {
				g.Expect(d.Status.InvitationRef.Name).To(Equal("ada"), "the sender goes by this")
			}
		})
	}
}

// expectState checks the state, that it is the only one, and that Ready, Reconciling and Stalled say one thing.
func expectState(g *WithT, s usherv1.MemberStatus, state usherv1.ObservedState, reason, outlook string) {
	g.THelper()
	g.Expect(s.State).To(Equal(state))
	for _, kind := range []string{usherv1.ConditionPending, usherv1.ConditionActive, usherv1.ConditionDisabled} {
		c := meta.FindStatusCondition(s.Conditions, kind)
		g.Expect(c).NotTo(BeNil(), kind)
		g.Expect(c.Reason).To(Equal(reason), kind)
		g.Expect(c.Status == metav1.ConditionTrue).To(Equal(kind == string(state)), "%s is %s", kind, c.Status)
	}
	for _, kind := range []string{ready, reconciling, stalled} {
		c := meta.FindStatusCondition(s.Conditions, kind)
		if kind != ready && kind != outlook {
			g.Expect(c).To(BeNil(), "%s is there only while it is true", kind)
			continue
		}
		g.Expect(c).NotTo(BeNil(), kind)
		g.Expect(c.Status == metav1.ConditionTrue).To(Equal(kind == outlook), "%s is %s", kind, c.Status)
		g.Expect(c.Reason).To(Equal(reason), kind)
	}
	g.Expect(meta.FindStatusCondition(s.Conditions, usherv1.ConditionSeatsAssigned)).NotTo(BeNil())
	for _, c := range s.Conditions {
		g.Expect(c.ObservedGeneration).To(Equal(s.ObservedGeneration), c.Type)
		g.Expect(c.Message).NotTo(ContainSubstring("@"), "no address in a condition")
	}
}

// Of two lines that hold, the first one in doc.go's table names the state.
func TestDecideInTheOrderOfTheTable(t *testing.T) {
	lines := []struct {
		reason string
		edits  []edit
	}{
		{"Deleting", []edit{deleting}},
		{"DisabledBySpec", []edit{disabled}},
		{"AccessEnded", []edit{endsIn(-time.Hour)}},
		{"AccountNotFound", []edit{noAccount}},
		{"AccountDisabled", []edit{func(o *Observation) {
			if o.Account != nil {
				accountDisabled(o)
			}
		}}},
		{"PlanNotFound", []edit{onPlanUnlessNone}},
		{"DuplicateEmail", []edit{rival}},
		{"SeatPoolNotFound", []edit{refs("nowhere")}},
		{"RoleNotInPlan", []edit{role("boss")}},
		{"CredentialsInvalid", []edit{credentials(foreign)}},
		{"Accepted", []edit{credentials()}},
		{"InvitationDeclined", []edit{invitation("Declined")}},
		{"AwaitingAcceptance", []edit{invitation("Sent")}},
		{"SeatUnavailable", []edit{editPool("base", func(p *usherv1.SeatPool) { p.Status.Claims = nil })}},
		{"MailNotReady", []edit{func(o *Observation) {
			if o.Account != nil {
				mailDown(o)
			}
		}}},
		{"Inviting", nil},
	}
	for i, first := range lines {
		for _, second := range lines[i:] {
			if first.reason == "InvitationDeclined" && second.reason == "AwaitingAcceptance" || first.reason == "Accepted" && second.reason == "SeatUnavailable" {
				continue // not both: one invitation; an acceptance without a seat is a line of its own
			}
			t.Run(fmt.Sprintf("%s before %s", first.reason, second.reason), func(t *testing.T) {
				o := observed(claims("base", 7))
				o = with(o, second.edits...)
				o = with(o, first.edits...)
				d := Decide(o, now)
				NewWithT(t).Expect(meta.FindStatusCondition(d.Status.Conditions, ready).Reason).To(Equal(first.reason))
			})
		}
	}
	t.Run("Accepted without a seat", func(t *testing.T) {
		d := Decide(observed(credentials(), invitation("Declined"), mailDown), now)
		NewWithT(t).Expect(meta.FindStatusCondition(d.Status.Conditions, ready).Reason).To(Equal("SeatUnavailable"))
	})
}

func TestSeatsAssigned(t *testing.T) {
	pipes := aPool("pipes", addOn("pipelines"))
	both := []edit{pools(aPool("base"), pipes), refs("base", "pipes"), credentials()}
	tests := []struct {
		name    string
		edits   []edit
		want    bool
		reason  string
		message string
	}{
		{name: "a seat of the only pool", edits: []edit{claims("base", 7)}, want: true, reason: "SeatsHeld"},
		{name: "no seat", reason: "SeatUnavailable", message: "Waiting for a seat of base"},
		{name: "both", edits: append(both, claims("base", 7), claims("pipes", 3)), want: true, reason: "SeatsHeld"},
		{name: "the base only", edits: append(both, claims("base", 7)), reason: "AddOnSeatUnavailable", message: "Waiting for a seat of pipes"},
		{name: "the add-on only", edits: append(both, claims("pipes", 3)), reason: "SeatUnavailable", message: "Waiting for a seat of base"},
		{name: "kept while the account is disabled", edits: []edit{active, accountDisabled}, want: true, reason: "SeatsHeld"},
		{name: "given back", edits: []edit{active, disabled}, reason: "DisabledBySpec"},
		{name: "none needed yet", edits: []edit{pools(aPool("base", onAcceptance)), invitation("Sent")}, reason: "AwaitingAcceptance"},
		{name: "no pool to hold one of", edits: []edit{noPools}, reason: "SeatPoolNotFound"},
		{
			name: "the old one until the new one is there", edits: []edit{pools(aPool("base"), aPool("other")), holding("base", 7), refs("other"), credentials()},
			reason: "AddOnSeatUnavailable", message: "Waiting for a seat of other",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			c := meta.FindStatusCondition(Decide(observed(tt.edits...), now).Status.Conditions, usherv1.ConditionSeatsAssigned)
			g.Expect(c.Status == metav1.ConditionTrue).To(Equal(tt.want))
			g.Expect(c.Reason).To(Equal(tt.reason))
			g.Expect(c.Message).To(Equal(tt.message))
		})
	}
}

func TestMomentsOfAState(t *testing.T) {
	g := NewWithT(t)
	moment := now.Add(300 * time.Millisecond)

	s := Decide(observed(claims("base", 7), credentials()), moment).Status
	g.Expect(s.ActivatedAt).To(Equal(later(0)))
	g.Expect(s.AcceptedAt).To(Equal(later(-2 * time.Hour)))
	g.Expect(s.DisabledAt).To(BeNil())

	s = Decide(observed(active), moment).Status
	g.Expect(s.ActivatedAt).To(Equal(later(-time.Hour)), "it was Active before")

	s = Decide(observed(active, disabled), moment).Status
	g.Expect(s.DisabledAt).To(Equal(later(0)))
	g.Expect(s.ActivatedAt).To(Equal(later(-time.Hour)))
	g.Expect(s.AcceptedAt).NotTo(BeNil(), "an acceptance outlives being disabled")

	// Back without a mail.
	s = Decide(settled(observed(active), s), moment.Add(time.Hour)).Status
	g.Expect(s.State).To(BeEquivalentTo("Pending"), "the seat was given back")
	again := settled(observed(active, claims("base", 8)), s)
	d := Decide(again, moment.Add(2*time.Hour))
	g.Expect(d.Status.State).To(BeEquivalentTo("Active"))
	g.Expect(d.Status.ActivatedAt).To(Equal(later(2 * time.Hour)))
	g.Expect(d.Invite).To(BeFalse())
}

func TestWhatAMemberIsCalled(t *testing.T) {
	named := func(given, family string) edit {
		return func(o *Observation) {
			o.Member.Spec.GivenName, o.Member.Spec.FamilyName = usherv1.Line(given), usherv1.Line(family)
		}
	}
	typed := func(given, family string) edit {
		return credentials(func(c *Credentials) { c.GivenName, c.FamilyName = given, family })
	}
	tests := []struct {
		name  string
		edits []edit
		want  string
	}{
		{name: "nothing is known", want: adaEmail},
		{name: "the spec's name", edits: []edit{named("Ada", "Lovelace")}, want: "Ada Lovelace"},
		{name: "half a name", edits: []edit{named("", "Lovelace")}, want: "Lovelace"},
		{name: "what the invitee typed", edits: []edit{typed("Ada", "King")}, want: "Ada King"},
		{name: "the spec's comes first, part by part", edits: []edit{named("Augusta", ""), typed("Ada", "King")}, want: "Augusta King"},
		{name: "accepted without a name", edits: []edit{credentials()}, want: adaEmail},
		{
			name: "what the status knows already", want: "Ada King",
			edits: []edit{credentials(func(c *Credentials) { c.Recorded = true }), func(o *Observation) { o.Member.Status.DisplayName = "Ada King" }},
		},
		{name: "what the wrong person typed does not count", edits: []edit{typed("Eve", ""), readdressed}, want: "lovelace@acme.example"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			NewWithT(t).Expect(Decide(observed(tt.edits...), now).Status.DisplayName).To(Equal(tt.want))
		})
	}
}

func TestRoleRightsAndInvitation(t *testing.T) {
	g := NewWithT(t)
	s := Decide(observed(), now).Status
	g.Expect(s.Role).To(Equal(plan.MemberRole))
	g.Expect(s.InvitationRef).To(BeNil(), "no member is invited without a seat")

	s = Decide(observed(holding("base", 7), invitation("Sent", func(i *usherv1.Invitation) { i.Name = "by-hand" }), func(o *Observation) {
		o.Member.Spec.Role, o.Member.Spec.Rights = "admin", []usherv1.Right{"orders:place"}
	}), now).Status
	g.Expect(s.Role).To(Equal("admin"))
	g.Expect(s.Rights).To(ConsistOf(usherv1.Right("orders:place")))
	g.Expect(s.InvitationRef.Name).To(Equal("by-hand"))
	g.Expect(s.InvitedAt).To(Equal(later(-time.Hour)))
	g.Expect(s.ExpiresAt).To(Equal(later(time.Hour)))

	gone := settled(observed(active), s)
	s = Decide(gone, now).Status
	g.Expect(s.InvitationRef).To(BeNil(), "accepted, and the invitation is gone")
	g.Expect(s.InvitedAt).To(BeNil())
	g.Expect(s.ExpiresAt).To(BeNil())
}

// A new Member says nothing in the moment before the SeatPool controller has seen it.
func TestHold(t *testing.T) {
	young := func(age time.Duration) edit {
		return func(o *Observation) { o.Member.CreationTimestamp = *later(-age) }
	}
	full := editPool("base", func(p *usherv1.SeatPool) { p.Status.Available = new(int32) })
	tests := []struct {
		name        string
		edits       []edit
		hold, wakes bool
	}{
		{name: "new, and a seat seems free", edits: []edit{young(0)}, hold: true, wakes: true},
		{name: "new, in a new pool", edits: []edit{young(0), editPool("base", unkept)}, hold: true, wakes: true},
		{name: "new, and the pool is full", edits: []edit{young(0), full}},
		{name: "new, with a seat", edits: []edit{young(0), claims("base", 7)}},
		{name: "new, accepted already", edits: []edit{young(0), credentials()}, hold: true, wakes: true},
		{name: "old enough to be told", edits: []edit{young(seatPatience)}, wakes: true},
		{name: "told before", edits: []edit{young(0), was("Pending")}, wakes: true},
		{name: "new, and something else is wrong", edits: []edit{young(0), noPools}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			d := Decide(observed(tt.edits...), now)
			g.Expect(d.DeferStatus).To(Equal(tt.hold), "DeferStatus")
			g.Expect(!d.Wake.IsZero()).To(Equal(tt.wakes), "Wake")
			if tt.wakes {
				g.Expect(d.Wake).To(BeTemporally(">", now))
			}
		})
	}
}
