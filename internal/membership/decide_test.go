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

// Short names for the condition types of an outlook.
const (
	ready       = usherv1.ConditionReady
	reconciling = usherv1.ConditionReconciling
	stalled     = usherv1.ConditionStalled
)

// The cases have the order of the contract's table: every state and reason, and which of Ready, Reconciling and Stalled is True.
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
			name: "a claimed seat and no invitation", edits: []edit{claims("base", 7)},
			state: "Pending", reason: "Inviting", outlook: reconciling, invite: true,
		},
		{
			name: "an invitation that has not been sent yet", edits: []edit{holding("base", 7), invitation("Pending")}, state: "Pending",
			reason: "Inviting", outlook: reconciling,
		},
		{
			name: "a mail is being sent", edits: []edit{holding("base", 7), invitation("Sending")}, state: "Pending", reason: "Inviting",
			outlook: reconciling,
		},
		{
			name: "a mail that failed temporarily", edits: []edit{holding("base", 7), invitation("Pending", failedAs(usherv1.ErrorTemporary))},
			state: "Pending", reason: "Inviting", outlook: reconciling,
		},
		{
			name: "a resend is requested", edits: []edit{holding("base", 7), invitation("Sent", raised)}, state: "Pending", reason: "Inviting",
			outlook: reconciling,
		},
		{name: "the address changed", edits: []edit{holding("base", 7), invitation("Sent"), readdressed}, state: "Pending", reason: "Inviting", outlook: reconciling},
		{
			name: "enabled again, after the invitation was revoked", edits: []edit{holding("base", 7), invitation("Revoked")}, state: "Pending",
			reason: "Inviting", outlook: reconciling,
		},
		{
			name: "the credentials were deleted", edits: []edit{holding("base", 7), invitation("Accepted"), acceptedBefore}, state: "Pending",
			reason: "Inviting", outlook: reconciling,
		},
		{name: "no seat is needed before the acceptance", edits: []edit{pools(aPool("base", onAcceptance))}, state: "Pending", reason: "Inviting", outlook: reconciling, invite: true},
		{
			name: "the mail server has not been probed yet", edits: []edit{holding("base", 7), mailUnknown}, state: "Pending", reason: "Inviting",
			outlook: reconciling, invite: true,
		},
		{name: "credentials are made without an invitation", edits: []edit{immediate}, state: "Pending", reason: "Inviting", outlook: reconciling},
		{
			name: "the invitation's name is taken", edits: []edit{holding("base", 7), nameTaken},
			state: "Pending", reason: "Inviting", outlook: stalled, message: "delete it, or write another Invitation",
		},

		{
			name: "invited", edits: []edit{holding("base", 7), invitation("Sent")},
			state: "Pending", reason: "AwaitingAcceptance", outlook: ready, message: "until 2026-03-08T10:30:00Z",
		},
		{
			name:  "invited, and the key of the link was removed",
			edits: []edit{holding("base", 7), invitation("Sent", linkInvalid)}, state: "Pending", reason: "AwaitingAcceptance", outlook: stalled,
			message: "to send another: kubectl patch invitation ada -n acme",
		},
		{name: "invited without a seat", edits: []edit{pools(aPool("base", onAcceptance)), invitation("Sent")}, state: "Pending", reason: "AwaitingAcceptance", outlook: ready},
		{name: "invited, then the mail server went down", edits: []edit{holding("base", 7), invitation("Sent"), mailDown}, state: "Pending", reason: "AwaitingAcceptance", outlook: ready},

		{name: "every seat is taken", state: "Pending", reason: "SeatUnavailable", outlook: reconciling, message: "the invitation goes out by itself", wakes: true},
		{
			name: "every seat is taken, by the pool's own count", edits: []edit{editPool("base", func(p *usherv1.SeatPool) { p.Status.Available = new(int32) })},
			state: "Pending", reason: "SeatUnavailable", outlook: ready, message: "kubectl scale seatpool base -n acme --replicas=",
		},
		{
			name: "every seat is taken, except one that is not granted yet", edits: []edit{editPool("base", free)},
			state: "Pending", reason: "SeatUnavailable", outlook: reconciling, wakes: true,
		},
		{
			name: "accepted, and every seat is taken", edits: []edit{credentials(), pools(aPool("base", onAcceptance))},
			state: "Pending", reason: "SeatUnavailable", outlook: reconciling, message: "access starts by itself", wakes: true,
		},
		{
			name: "no seat comes before no mail server", edits: []edit{mailDown}, state: "Pending", reason: "SeatUnavailable", outlook: reconciling,
			wakes: true,
		},
		{
			name:  "invited again after the expiry, and another member has the seat",
			edits: []edit{recorded("base", 7, 7), invitation("Expired", raised)},
			state: "Pending", reason: "SeatUnavailable", outlook: reconciling, wakes: true,
		},

		{name: "expired", edits: []edit{holding("base", 7), invitation("Expired")}, state: "Pending", reason: "InvitationExpired", outlook: ready, message: "kubectl patch invitation ada -n acme"},
		{
			name: "revoked", edits: []edit{holding("base", 7), invitation("Sent", revokedBySpec)}, state: "Pending", reason: "InvitationRevoked",
			outlook: ready, message: `{"spec":{"state":"Open","sendGeneration":2}}`,
		},
		{name: "declined", edits: []edit{holding("base", 7), invitation("Declined")}, state: "Pending", reason: "InvitationDeclined", outlook: ready, message: "kubectl patch invitation ada -n acme"},
		{
			name: "refused permanently", edits: []edit{holding("base", 7), invitation("Failed", failedAs(usherv1.ErrorPermanent))},
			state: "Pending", reason: "MailRejected", outlook: stalled, message: "The mail server refused the recipient permanently (550 5.1.1)",
		},
		{
			name:  "not accepted by the mail server within the ttl",
			edits: []edit{holding("base", 7), invitation("Failed", failedAs(usherv1.ErrorTemporary))}, state: "Pending", reason: "MailRejected",
			outlook: stalled, message: "in time",
		},

		{
			name: "an address that no mail can go to", edits: []edit{noMailbox}, state: "Pending", reason: "MailRejected", outlook: stalled,
			message: "No mail can go to spec.email, and none is sent: its domain is no name that the DNS can have (RFC 5891); correct it",
		},
		{name: "such an address, with a seat", edits: []edit{noMailbox, holding("base", 7)}, state: "Pending", reason: "MailRejected", outlook: stalled},
		{name: "such an address, and it was invited at another", edits: []edit{noMailbox, holding("base", 7), invitation("Sent")}, state: "Pending", reason: "MailRejected", outlook: stalled},
		{name: "such an address, and it needs no invitation", edits: []edit{noMailbox, immediate}, state: "Pending", reason: "MailRejected", outlook: stalled},
		{name: "such an address, and it has accepted", edits: []edit{noMailbox, active}, state: "Active", reason: "Accepted", outlook: ready},

		{
			name: "no usable mail server", edits: []edit{holding("base", 7), mailDown},
			state: "Pending", reason: "MailNotReady", outlook: reconciling, message: "(ServerUnreachable): connection refused", invite: true,
		},
		{
			name:  "the mail server refuses this mail because of its configuration",
			edits: []edit{holding("base", 7), invitation("Pending", failedAs(usherv1.ErrorConfiguration))},
			state: "Pending", reason: "MailNotReady", outlook: reconciling, message: "550 5.1.1",
		},

		{name: "another member's address", edits: []edit{holding("base", 7), rival}, state: "Pending", reason: "DuplicateEmail", outlook: stalled, message: "Member bob"},
		{name: "no account", edits: []edit{noAccount}, state: "Pending", reason: "AccountNotFound", outlook: reconciling, wakes: true, message: "no Account acme in this namespace; create it"},
		{name: "no plan", edits: []edit{onPlan(nil)}, state: "Pending", reason: "PlanNotFound", outlook: reconciling, wakes: true, message: "no Plan starter; create it"},
		{name: "a Secret by someone else is in the way", edits: []edit{credentials(foreign)}, state: "Pending", reason: "CredentialsInvalid", outlook: stalled, message: "Usher did not make Secret usher-member-ada"},
		{name: "active, and the credentials are someone else's Secret now", edits: []edit{active, credentials(foreign)}, state: "Pending", reason: "CredentialsInvalid", outlook: stalled},
		{name: "a Secret by someone else is in the way of a member that needs no invitation", edits: []edit{immediate, credentials(foreign)}, state: "Pending", reason: "CredentialsInvalid", outlook: stalled},
		{
			name: "active, and the plan does not exist", edits: []edit{active, onPlan(nil)}, state: "Pending", reason: "PlanNotFound",
			outlook: reconciling, wakes: true,
		},
		{name: "a role that the plan does not have", edits: []edit{onPlan(aPlan()), role("boss")}, state: "Pending", reason: "RoleNotInPlan", outlook: reconciling, wakes: true, message: "Plan starter has no role boss; its roles are admin, seller"},
		{name: "a role that does not exist without a plan", edits: []edit{role("boss")}, state: "Pending", reason: "RoleNotInPlan", outlook: reconciling, wakes: true, message: "without a plan has no role boss; its roles are admin, member"},
		{
			name: "active, with a role that the plan does not have", edits: []edit{active, onPlan(aPlan()), role("boss")}, state: "Pending",
			reason: "RoleNotInPlan", outlook: reconciling, wakes: true,
		},
		{name: "a right that the plan does not have", edits: []edit{onPlan(aPlan()), rights("orders:cancel")}, state: "Pending", reason: "RightNotInPlan", outlook: reconciling, wakes: true, message: "no right orders:cancel; its rights are orders:place"},
		{
			name:  "invited, with a role that the plan does not have",
			edits: []edit{onPlan(aPlan()), holding("base", 7), invitation("Sent"), role("boss")}, state: "Pending", reason: "RoleNotInPlan",
			outlook: reconciling, wakes: true,
		},
		{name: "no pool", edits: []edit{noPools}, state: "Pending", reason: "SeatPoolNotFound", outlook: reconciling, wakes: true, message: "create one"},
		{name: "the account is being deleted", edits: []edit{active, accountDeleting}, state: "Pending", reason: "AccountDeleting", outlook: stalled, message: "Account acme is being deleted, and access ends with it; delete the Member, too"},
		{name: "the account is being deleted, and the member is invited", edits: []edit{holding("base", 7), accountDeleting}, state: "Pending", reason: "AccountDeleting", outlook: stalled},
		{name: "the account is being deleted, and the member needs no invitation", edits: []edit{immediate, accountDeleting}, state: "Pending", reason: "AccountDeleting", outlook: stalled},
		{name: "a base pool that was deleted", edits: []edit{refs("gold"), recorded("gold", 4, 4)}, state: "Pending", reason: "SeatPoolNotFound", outlook: reconciling, wakes: true, message: "no SeatPool gold"},
		{name: "a pool that does not exist, and no base pool", edits: []edit{noPools, refs("other")}, state: "Pending", reason: "SeatPoolNotFound", outlook: reconciling, wakes: true, message: "no SeatPool other"},
		{name: "the only pool is being deleted", edits: []edit{editPool("base", terminating)}, state: "Pending", reason: "SeatPoolNotFound", outlook: reconciling, wakes: true, message: "SeatPool base is being deleted and gives no more seats; name another"},
		{name: "several pools", edits: []edit{pools(plain, aPool("other"))}, state: "Pending", reason: "SeatPoolNotFound", outlook: reconciling, wakes: true, message: "name one in spec.seatPoolRefs"},
		{
			name: "an add-on's pool that does not exist", edits: []edit{holding("base", 7), refs("base", "pipes")},
			state: "Pending", reason: "Inviting", outlook: reconciling, invite: true,
		},
		{
			name: "nothing but an add-on's pool that is not there", edits: []edit{holding("base", 7), refs("extra")},
			state: "Pending", reason: "Inviting", outlook: reconciling, invite: true,
		},
		{
			name: "active, and nothing is named but a pool that is not there", edits: []edit{active, refs("extra")},
			state: "Active", reason: "AddOnSeatUnavailable", outlook: ready,
			message: "Has access; waiting for a seat of extra; this account has no SeatPool extra that gives seats: create it, or correct spec.seatPoolRefs",
		},
		{
			name: "active, and the named add-on's pool was deleted", edits: []edit{active, refs("extra"), recorded("extra", 4, 4), func(o *Observation) {
				o.Member.Status.Seats[1].AddOn = "pipelines"
			}}, state: "Active", reason: "AddOnSeatUnavailable", outlook: ready,
		},
		{name: "active, and its pool is being deleted", edits: []edit{active, editPool("base", terminating)}, state: "Active", reason: "Accepted", outlook: ready},

		{name: "accepted", edits: []edit{claims("base", 7), credentials()}, state: "Active", reason: "Accepted", outlook: ready},
		{
			name:  "accepted, with an invitation that expired or was revoked",
			edits: []edit{holding("base", 7), credentials(), invitation("Expired", revokedBySpec)}, state: "Active", reason: "Accepted",
			outlook: ready,
		},
		{name: "active without an invitation", edits: []edit{holding("base", 7), credentials(), immediate}, state: "Active", reason: "Activated", outlook: ready},
		{
			name: "active, an add-on's seat is missing", edits: []edit{pools(plain, aPool("pipes", addOn("pipelines"))), holding("base", 7), credentials(), refs("base", "pipes")},
			state: "Active", reason: "AddOnSeatUnavailable", outlook: ready, message: "waiting for a seat of pipes",
		},
		{
			name: "active, an add-on's pool does not exist", edits: []edit{holding("base", 7), credentials(), refs("base", "pipes")},
			state: "Active", reason: "AddOnSeatUnavailable", outlook: ready, message: "waiting for a seat of pipes",
		},

		{name: "disabled", edits: []edit{active, disabled}, state: "Disabled", reason: "DisabledBySpec", outlook: ready, message: "set spec.state to Active"},
		{name: "disabled before it accepted", edits: []edit{holding("base", 7), invitation("Sent"), disabled}, state: "Disabled", reason: "DisabledBySpec", outlook: ready},
		{name: "access has ended", edits: []edit{active, endsIn(0)}, state: "Disabled", reason: "AccessEnded", outlook: ready, message: "ended at 2026-03-08T09:30:00Z"},
		{
			name: "access ended before the member accepted", edits: []edit{endsIn(-time.Hour)}, state: "Disabled", reason: "AccessEnded",
			outlook: ready, message: "later time",
		},
		{
			name: "access ends in the future", edits: []edit{active, endsIn(time.Hour)}, state: "Active", reason: "Accepted", outlook: ready,
			wakes: true,
		},
		{name: "the account is disabled", edits: []edit{active, accountDisabled}, state: "Disabled", reason: "AccountDisabled", outlook: ready, message: "seats are kept"},
		{name: "being deleted", edits: []edit{active, deleting}, state: "Disabled", reason: "Deleting", outlook: reconciling},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			o := observed(tt.edits...)
			before := o.Member.DeepCopy()
			d := Decide(o, now)
			g.Expect(o.Member).To(Equal(before), "the observation is unchanged")
			expectState(g, d.Status, tt.state, tt.reason, tt.outlook)
			g.Expect(meta.FindStatusCondition(d.Status.Conditions, ready).Message).To(ContainSubstring(tt.message))
			g.Expect(d.Invite).To(Equal(tt.invite), "Invite")
			g.Expect(d.Wake.IsZero()).To(Equal(!tt.wakes), "Wake")
			g.Expect(d.Status.ObservedGeneration).To(BeEquivalentTo(4))
			if d.Invite {
				g.Expect(d.Status.InvitationRef.Name).To(Equal("ada"), "the sender reads it")
			}
		})
	}
}

// expectState checks that only the wanted state's condition is True, and only the wanted one of Ready, Reconciling and Stalled.
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
			g.Expect(c).To(BeNil(), "%s exists only while it is True", kind)
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

// If two lines of the table in doc.go apply, the first one decides the state.
func TestDecideInTheOrderOfTheTable(t *testing.T) {
	lines := []struct {
		reason string
		edits  []edit
	}{
		{"Deleting", []edit{deleting}},
		{"DisabledBySpec", []edit{disabled}},
		{"AccessEnded", []edit{endsIn(-time.Hour)}},
		{"AccountNotFound", []edit{noAccount}},
		{"AccountDeleting", []edit{func(o *Observation) {
			if o.Account != nil {
				accountDeleting(o)
			}
		}}},
		{"AccountDisabled", []edit{func(o *Observation) {
			if o.Account != nil {
				accountDisabled(o)
			}
		}}},
		{"PlanNotFound", []edit{missingPlan}},
		{"DuplicateEmail", []edit{rival}},
		{"SeatPoolNotFound", []edit{refs("nowhere"), recorded("nowhere", 4, 4)}},
		{"RoleNotInPlan", []edit{role("boss")}},
		{"CredentialsInvalid", []edit{credentials(foreign)}},
		{"Accepted", []edit{credentials()}},
		{"MailRejected", []edit{noMailbox}},
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
				continue // they exclude each other: there is one invitation, and a member that accepted without a seat has its own line
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
		{name: "both seats", edits: append(both, claims("base", 7), claims("pipes", 3)), want: true, reason: "SeatsHeld"},
		{
			name: "the base seat only", edits: append(both, claims("base", 7)), reason: "AddOnSeatUnavailable",
			message: "Waiting for a seat of pipes",
		},
		{
			name: "the add-on's seat only", edits: append(both, claims("pipes", 3)), reason: "SeatUnavailable",
			message: "Waiting for a seat of base",
		},
		{name: "kept while the account is disabled", edits: []edit{active, accountDisabled}, want: true, reason: "SeatsHeld"},
		{name: "given back", edits: []edit{active, disabled}, reason: "DisabledBySpec"},
		{name: "none needed yet", edits: []edit{pools(aPool("base", onAcceptance)), invitation("Sent")}, reason: "AwaitingAcceptance"},
		{name: "no pool", edits: []edit{noPools}, reason: "SeatPoolNotFound"},
		{
			name:   "the old seat until the member has the new one",
			edits:  []edit{pools(aPool("base"), aPool("other")), holding("base", 7), refs("other"), credentials()},
			reason: "AddOnSeatUnavailable", message: "Waiting for a seat of other",
		},
		{name: "an add-on that is full, before the invitation", edits: []edit{pools(aPool("base"), pipes), refs("pipes"), claims("base", 7)}, reason: "AddOnSeatUnavailable", message: "Waiting for a seat of pipes"},
		{
			name: "an add-on that is not there, before the answer", edits: []edit{holding("base", 7), refs("extra"), invitation("Sent")}, reason: "AddOnSeatUnavailable",
			message: "Waiting for a seat of extra; this account has no SeatPool extra that gives seats: create it, or correct spec.seatPoolRefs",
		},
		{
			name: "of a pool that is being deleted", edits: []edit{active, editPool("base", terminating)}, want: true, reason: "SeatsHeld",
			message: "SeatPool base is being deleted; name another in spec.seatPoolRefs",
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

func TestTimesOfAState(t *testing.T) {
	g := NewWithT(t)
	moment := now.Add(300 * time.Millisecond)

	s := Decide(observed(claims("base", 7), credentials()), moment).Status
	g.Expect(s.ActivatedAt).To(Equal(later(0)))
	g.Expect(s.AcceptedAt).To(Equal(later(-2 * time.Hour)))
	g.Expect(s.DisabledAt).To(BeNil())

	s = Decide(observed(active), moment).Status
	g.Expect(s.ActivatedAt).To(Equal(later(-time.Hour)), "it was Active already")

	s = Decide(observed(active, disabled), moment).Status
	g.Expect(s.DisabledAt).To(Equal(later(0)))
	g.Expect(s.ActivatedAt).To(Equal(later(-time.Hour)))
	g.Expect(s.AcceptedAt).NotTo(BeNil(), "a disabled member stays accepted")

	// An enabled member is not invited again.
	s = Decide(settled(observed(active), s), moment.Add(time.Hour)).Status
	g.Expect(s.State).To(BeEquivalentTo("Pending"), "the seat was given back")
	again := settled(observed(active, claims("base", 8)), s)
	d := Decide(again, moment.Add(2*time.Hour))
	g.Expect(d.Status.State).To(BeEquivalentTo("Active"))
	g.Expect(d.Status.ActivatedAt).To(Equal(later(2 * time.Hour)))
	g.Expect(d.Invite).To(BeFalse())
}

func TestDisplayName(t *testing.T) {
	named := func(given, family string) edit {
		return func(o *Observation) {
			o.Member.Spec.GivenName, o.Member.Spec.FamilyName = usherv1.Line(given), usherv1.Line(family)
		}
	}
	invitee := func(given, family string) edit {
		return credentials(func(c *Credentials) { c.GivenName, c.FamilyName = given, family })
	}
	tests := []struct {
		name  string
		edits []edit
		want  string
	}{
		{name: "no name", want: adaEmail},
		{name: "the spec's name", edits: []edit{named("Ada", "Lovelace")}, want: "Ada Lovelace"},
		{name: "half a name", edits: []edit{named("", "Lovelace")}, want: "Lovelace"},
		{name: "the invitee's name", edits: []edit{invitee("Ada", "King")}, want: "Ada King"},
		{name: "each part of the spec's name comes first", edits: []edit{named("Augusta", ""), invitee("Ada", "King")}, want: "Augusta King"},
		{name: "accepted without a name", edits: []edit{credentials()}, want: adaEmail},
		{
			name: "the name in the status", want: "Ada King",
			edits: []edit{credentials(func(c *Credentials) { c.Recorded = true }), func(o *Observation) { o.Member.Status.DisplayName = "Ada King" }},
		},
		{
			name: "the name that another address typed does not count", edits: []edit{invitee("Eve", ""), readdressed},
			want: "lovelace@acme.example",
		},
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

	s = Decide(observed(onPlan(aPlan()), holding("base", 7), invitation("Sent", func(i *usherv1.Invitation) { i.Name = "by-hand" }), func(o *Observation) {
		o.Member.Spec.Role, o.Member.Spec.Rights = "admin", []usherv1.Right{"orders:place"}
	}), now).Status
	g.Expect(s.Role).To(Equal("admin"))
	g.Expect(s.Rights).To(ConsistOf(usherv1.Right("orders:place")))
	g.Expect(s.InvitationRef.Name).To(Equal("by-hand"))
	g.Expect(s.InvitedAt).To(Equal(later(-time.Hour)))
	g.Expect(s.ExpiresAt).To(Equal(later(time.Hour)))

	gone := settled(observed(active), s)
	s = Decide(gone, now).Status
	g.Expect(s.InvitationRef).To(BeNil(), "accepted, and the invitation was deleted")
	g.Expect(s.InvitedAt).To(BeNil())
	g.Expect(s.ExpiresAt).To(BeNil())
}

// A new Member's first status waits a moment for the SeatPool controller to handle the Member.
func TestDeferStatus(t *testing.T) {
	young := func(age time.Duration) edit {
		return func(o *Observation) { o.Member.CreationTimestamp = *later(-age) }
	}
	full := editPool("base", func(p *usherv1.SeatPool) { p.Status.Available = new(int32) })
	tests := []struct {
		name            string
		edits           []edit
		deferred, wakes bool
	}{
		{name: "new, and a seat seems free", edits: []edit{young(0)}, deferred: true, wakes: true},
		{name: "new, in a new pool", edits: []edit{young(0), editPool("base", notReconciled)}, deferred: true, wakes: true},
		{name: "new, and the pool is full", edits: []edit{young(0), full}},
		{name: "new, with a seat", edits: []edit{young(0), claims("base", 7)}},
		{name: "new, and accepted", edits: []edit{young(0), credentials()}, deferred: true, wakes: true},
		{name: "older than seatPatience", edits: []edit{young(seatPatience)}, wakes: true},
		{name: "new, with a status", edits: []edit{young(0), was("Pending")}, wakes: true},
		{name: "new, without a pool", edits: []edit{young(0), noPools}, wakes: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			d := Decide(observed(tt.edits...), now)
			g.Expect(d.DeferStatus).To(Equal(tt.deferred), "DeferStatus")
			g.Expect(!d.Wake.IsZero()).To(Equal(tt.wakes), "Wake")
			if tt.wakes {
				g.Expect(d.Wake).To(BeTemporally(">", now))
			}
		})
	}
}
