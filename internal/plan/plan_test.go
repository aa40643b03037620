// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

var t0 = time.Date(2026, time.March, 1, 9, 0, 0, 0, time.UTC)

func account(addOns ...string) *usherv1.Account {
	a := &usherv1.Account{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}
	a.Spec.PlanRef, a.Spec.AddOns = &usherv1.PlanReference{Name: "pro"}, addOns
	return a
}

func proPlan(edits ...func(*usherv1.PlanSpec)) *usherv1.Plan {
	p := &usherv1.Plan{ObjectMeta: metav1.ObjectMeta{Name: "pro"}, Spec: usherv1.PlanSpec{
		IncludedSeats: ptr.To[int32](3),
		Rights:        []usherv1.PlanRight{{Name: "orders:place"}, {Name: "invoices:view"}},
		Roles: []usherv1.PlanRole{
			{Name: "admin", AccountAdmin: ptr.To(true), Rights: []usherv1.Right{usherv1.AnyRight}},
			{Name: "seller", Rights: []usherv1.Right{"orders:place"}},
			{Name: "guest"},
		},
		DefaultRole: "seller", OwnerRole: "admin",
		AddOns: []usherv1.PlanAddOn{{Name: "pipelines", IncludedSeats: ptr.To[int32](2)}},
	}}
	for _, e := range edits {
		e(&p.Spec)
	}
	return p
}

func invitedAsGuest(s *usherv1.PlanSpec) { s.InvitedRole = "guest" }

func member(name string, edits ...func(*usherv1.Member)) *usherv1.Member {
	m := &usherv1.Member{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name), CreationTimestamp: metav1.Time{Time: t0}}}
	m.Spec.AccountRef.Name = "acme"
	for _, e := range edits {
		e(m)
	}
	return m
}

func as(role string) func(*usherv1.Member) { return func(m *usherv1.Member) { m.Spec.Role = role } }
func may(rights ...usherv1.Right) func(*usherv1.Member) {
	return func(m *usherv1.Member) { m.Spec.Rights = rights }
}
func activeAs(role string) func(*usherv1.Member) {
	return func(m *usherv1.Member) {
		m.Status.Role, m.Status.ActivatedAt = role, &metav1.Time{Time: t0}
	}
}
func edited(m *usherv1.Member) { m.Generation++ }
func after(d time.Duration) func(*usherv1.Member) {
	return func(m *usherv1.Member) { m.CreationTimestamp.Time = m.CreationTimestamp.Add(d) }
}

// recordedAs has the member's metadata record its standing.
func recordedAs(standing Standing) func(*usherv1.Member) {
	return func(m *usherv1.Member) {
		m.Annotations = map[string]string{}
		Record(m.Annotations, standing)
	}
}

func TestAssign(t *testing.T) {
	type rights = []usherv1.Right
	tests := []struct {
		name            string
		terms           Terms
		member          *usherv1.Member
		accepted, first bool
		standing        Standing
		role            string
		rights          rights
		reason, problem string
	}{
		{name: "the default role", terms: For(account(), proPlan()), member: member("ada"), role: "seller", rights: rights{"orders:place"}},
		{name: "the role in spec", terms: For(account(), proPlan()), member: member("ada", as("guest")), role: "guest"},
		{name: "* is every right of the plan", terms: For(account(), proPlan()), member: member("ada", as("admin")), role: "admin",
			rights: rights{"invoices:view", "orders:place"}},
		{name: "own rights are added, without duplicates", terms: For(account(), proPlan()),
			member: member("ada", may("orders:place", "invoices:view")), role: "seller", rights: rights{"invoices:view", "orders:place"}},
		{name: "* as an own right", terms: For(account(), proPlan()), member: member("ada", as("guest"), may("*")), role: "guest",
			rights: rights{"invoices:view", "orders:place"}},
		{name: "the first member", terms: For(account(), proPlan()), member: member("ada"), first: true, role: "admin",
			rights: rights{"invoices:view", "orders:place"}},
		{name: "the first member, with a role in spec", terms: For(account(), proPlan()), member: member("ada", as("guest")), first: true,
			role: "guest"},
		{name: "the first member of a plan without an owner role", terms: For(account(), proPlan(func(s *usherv1.PlanSpec) { s.OwnerRole = "" })),
			member: member("ada"), first: true, role: "seller", rights: rights{"orders:place"}},
		{name: "the first member, after activation", terms: For(account(), proPlan()), member: member("ada", activeAs("admin")), accepted: true,
			first: true, role: "admin", rights: rights{"invoices:view", "orders:place"}},
		{name: "a member that becomes the oldest does not become an admin", terms: For(account(), proPlan()),
			member: member("bob", activeAs("seller")), accepted: true, first: true, role: "seller", rights: rights{"orders:place"}},
		{name: "an owner keeps the role when an older member appears", terms: For(account(), proPlan()), member: member("bob", activeAs("admin")),
			accepted: true, role: "admin", rights: rights{"invoices:view", "orders:place"}},
		{name: "an owner whose spec changed", terms: For(account(), proPlan()), member: member("bob", activeAs("admin"), edited), accepted: true,
			role: "seller", rights: rights{"orders:place"}},
		{name: "an owner whose spec changed, and who is recorded as the first", terms: For(account(), proPlan()),
			member: member("bob", activeAs("admin"), edited), standing: First, accepted: true, role: "admin", rights: rights{"invoices:view", "orders:place"}},
		{name: "the recorded first member, without a status", terms: For(account(), proPlan()), member: member("bob"), standing: First, accepted: true,
			role: "admin", rights: rights{"invoices:view", "orders:place"}},
		{name: "the recorded first member, under a plan with another owner's role", terms: For(account(), proPlan(func(s *usherv1.PlanSpec) { s.OwnerRole = "guest" })),
			member: member("bob", activeAs("admin")), standing: First, accepted: true, role: "guest"},
		{name: "the recorded first member names its role", terms: For(account(), proPlan()), member: member("bob", as("guest")), standing: First, role: "guest"},
		{name: "a recorded later member, without a status", terms: For(account(), proPlan()), member: member("bob"), standing: Later, accepted: true,
			role: "seller", rights: rights{"orders:place"}},
		{name: "the invited role", terms: For(account(), proPlan(invitedAsGuest)), member: member("ada", as("admin")), role: "guest"},
		{name: "the invited role, also for the first member", terms: For(account(), proPlan(invitedAsGuest)), member: member("ada"), first: true,
			role: "guest"},
		{name: "the invited role, after the acceptance", terms: For(account(), proPlan(invitedAsGuest)), member: member("ada", as("admin")),
			accepted: true, role: "admin", rights: rights{"invoices:view", "orders:place"}},
		{
			name: "no such role", terms: For(account(), proPlan()), member: member("ada", as("boss")), role: "boss",
			reason:  usherv1.ReasonRoleNotInPlan,
			problem: "Plan pro has no role boss; its roles are admin, seller, guest",
		},
		{
			name: "no such role, before it applies", terms: For(account(), proPlan(invitedAsGuest)), member: member("ada", as("boss")),
			role: "boss", reason: usherv1.ReasonRoleNotInPlan,
			problem: "Plan pro has no role boss; its roles are admin, seller, guest",
		},
		{
			name: "no such right", terms: For(account(), proPlan()), member: member("ada", may("orders:place", "orders:cancel")), role: "seller",
			reason:  usherv1.ReasonRightNotInPlan,
			problem: "Plan pro has no right orders:cancel; its rights are orders:place, invoices:view",
		},
		{
			name: "a right of a plan without rights", terms: For(account(), proPlan(func(s *usherv1.PlanSpec) { s.Rights = nil })),
			member: member("ada", as("guest"), may("orders:cancel")),
			role:   "guest", reason: usherv1.ReasonRightNotInPlan,
			problem: "Plan pro has no right orders:cancel; it has none; remove it from spec.rights",
		},
		{name: "no such plan: the last role is kept", terms: For(account(), nil), member: member("ada", activeAs("admin")), accepted: true,
			role: "admin"},
		{name: "no such plan, without a last role", terms: For(account(), nil), member: member("ada", as("boss")), role: "boss"},
		{name: "no plan", terms: For(&usherv1.Account{}, nil), member: member("ada"), first: true, role: "member"},
		{name: "no plan, an admin", terms: For(&usherv1.Account{}, nil), member: member("ada", as("admin")), role: "admin"},
		{
			name: "no plan, a right", terms: For(&usherv1.Account{}, nil), member: member("ada", as("admin"), may("orders:place")), role: "admin",
			reason:  usherv1.ReasonRightNotInPlan,
			problem: "An account without a plan has no right orders:place; it has none; remove it from spec.rights",
		},
		{
			name: "no plan, no such role", terms: For(&usherv1.Account{}, nil), member: member("ada", as("boss")), role: "boss",
			reason:  usherv1.ReasonRoleNotInPlan,
			problem: "An account without a plan has no role boss; its roles are admin, member",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			standing := tt.standing
			if tt.first {
				standing = Eldest
			}
			g.Expect(tt.terms.Assign(tt.member, tt.accepted, standing)).To(Equal(Assignment{Role: tt.role, Rights: tt.rights, Reason: tt.reason,
				Problem: tt.problem}))
			g.Expect(tt.terms.Fit(tt.member)).To(Equal(tt.reason == "" && tt.terms.Problem == ""), "Fit")
		})
	}
}

func TestAdmin(t *testing.T) {
	g := NewWithT(t)
	g.Expect(For(account(), proPlan()).Admin("admin")).To(BeTrue())
	g.Expect(For(account(), proPlan()).Admin("seller")).To(BeFalse())
	g.Expect(For(account(), proPlan()).Admin("boss")).To(BeFalse())
	g.Expect(For(&usherv1.Account{}, nil).Admin(AdminRole)).To(BeTrue())
	g.Expect(For(nil, nil).Admin(MemberRole)).To(BeFalse())
}

func TestCameBefore(t *testing.T) {
	tests := []struct {
		name     string
		other, m *usherv1.Member
		want     bool
	}{
		{"older", member("zoe"), member("ada", after(time.Second)), true},
		{"younger", member("ada", after(time.Second)), member("zoe"), false},
		{"of the same age, by name", member("ada"), member("zoe"), true},
		{"of the same age, by name, in reverse", member("zoe"), member("ada"), false},
		{"itself", member("ada"), member("ada"), false},
		{"of another account", member("ada", func(m *usherv1.Member) { m.Spec.AccountRef.Name = "globex" }), member("zoe"), false},
		{"older, and the other is recorded as the first", member("ada"), member("zoe", recordedAs(First)), false},
		{"younger, and recorded as the first", member("zoe", after(time.Hour), recordedAs(First)), member("ada"), true},
		{"older, both recorded as the first", member("ada", recordedAs(First)), member("zoe", recordedAs(First)), true},
		{"younger, and recorded as a later one", member("zoe", after(time.Hour), recordedAs(Later)), member("ada"), false},
		{"being deleted", member("ada", func(m *usherv1.Member) { m.DeletionTimestamp = &metav1.Time{Time: t0} }), member("zoe"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			NewWithT(t).Expect(CameBefore(tt.other, tt.m)).To(Equal(tt.want))
		})
	}
}

func TestFault(t *testing.T) {
	tests := []struct {
		name            string
		account         *usherv1.Account
		plan            *usherv1.Plan
		reason, problem string
	}{
		{name: "nothing wrong", account: account("pipelines"), plan: proPlan()},
		{name: "no plan named, with add-ons", account: &usherv1.Account{Spec: usherv1.AccountSpec{AddOns: []string{"pipelines"}}}},
		{name: "no such plan", account: account(), reason: usherv1.ReasonPlanNotFound,
			problem: "There is no Plan pro; create it, or correct spec.planRef of Account acme"},
		{
			name: "no such add-on", account: account("pipelines", "charts"), plan: proPlan(), reason: usherv1.ReasonAddOnNotInPlan,
			problem: "Plan pro has no add-on charts; remove it from spec.addOns, or choose another plan",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reason, problem := For(tt.account, tt.plan).Fault()
			NewWithT(t).Expect([]string{reason, problem}).To(Equal([]string{tt.reason, tt.problem}))
		})
	}
}
