// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/labels"
	"github.com/usher-dev/usher/internal/plan"
)

var t0 = metav1.Time{Time: time.Date(2026, time.March, 1, 9, 0, 0, 0, time.UTC)}

func aPlan() *usherv1.Plan {
	return &usherv1.Plan{Spec: usherv1.PlanSpec{
		Rights: []usherv1.PlanRight{{Name: "orders:place"}, {Name: "orders:cancel"}, {Name: "invoices:view"}},
		Roles: []usherv1.PlanRole{
			{Name: "admin", AccountAdmin: ptr.To(true), Rights: []usherv1.Right{usherv1.AnyRight}, ClusterRoles: []string{"acme-admin"}},
			{Name: "seller", Rights: []usherv1.Right{"orders:place"}},
			{Name: "guest"},
		},
		DefaultRole: "guest",
	}}
}

func observed(members ...usherv1.Member) Observation {
	a := &usherv1.Account{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "acme", UID: "uid-acme"}}
	a.Spec.PlanRef = &usherv1.PlanReference{Name: "pro"}
	return Observation{Account: a, Terms: plan.For(a, aPlan()), Members: members}
}

func member(name, role string, edits ...func(*usherv1.Member)) usherv1.Member {
	m := usherv1.Member{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name), Generation: 1}}
	m.Spec.Email = usherv1.EmailAddress(name + "@acme.example")
	m.Spec.AccountRef.Name = "acme"
	m.Status = usherv1.MemberStatus{ObservedGeneration: 1, State: usherv1.ObservedActive, Role: role, ActivatedAt: &t0}
	m.Status.Seats = []usherv1.MemberSeat{{Pool: "base", Grant: 7}}
	for _, e := range edits {
		e(&m)
	}
	return m
}

func may(rights ...usherv1.Right) func(*usherv1.Member) {
	return func(m *usherv1.Member) { m.Status.Rights = rights }
}
func edited(m *usherv1.Member) { m.Generation++ }
func gone(m *usherv1.Member)   { m.Status.State = usherv1.ObservedDisabled }
func because(reason string) func(*usherv1.Member) {
	return func(m *usherv1.Member) {
		m.Status.Conditions = []metav1.Condition{{Type: usherv1.ConditionReady, Reason: reason}}
	}
}

// grantsOf returns what the bindings grant, as "role: subjects".
func grantsOf(p Projection) []string {
	var lines []string
	for _, b := range p.Bindings {
		var names []string
		for _, s := range b.Subjects {
			names = append(names, strings.TrimSuffix(s.Name, "@acme.example"))
		}
		ref := b.RoleRef.Name
		if b.RoleRef.Kind == "Role" {
			i := slices.IndexFunc(p.Roles, func(r rbacv1.Role) bool { return r.Name == b.RoleRef.Name })
			ref = "rights"
			for _, rule := range p.Roles[i].Rules {
				if rule.APIGroups[0] == RightsGroup {
					ref += fmt.Sprintf(" %s:%s", rule.Resources[0], strings.Join(rule.Verbs, "+"))
				}
			}
		}
		lines = append(lines, ref+": "+strings.Join(names, " "))
	}
	slices.Sort(lines)
	return lines
}

func TestProject(t *testing.T) {
	tests := []struct {
		name string
		o    Observation
		want []string
	}{
		{name: "no members", o: observed()},
		{name: "a role with rights", o: observed(member("bob", "seller", may("orders:place")), member("ada", "seller", may("orders:place"))), want: []string{"rights orders:place: ada bob"}},
		{name: "a role that grants nothing", o: observed(member("ada", "guest"))},
		{
			name: "an admin", o: observed(member("ada", "admin", may("invoices:view", "orders:cancel", "orders:place"))),
			want: []string{"acme-admin: ada", "rights invoices:view orders:cancel+place: ada", "usher-account-admin: ada"},
		},
		{
			name: "rights that members have on top of their role",
			o: observed(member("ada", "guest", may("invoices:view", "orders:place")),
				member("bob", "seller", may("invoices:view", "orders:place"))),
			want: []string{"rights invoices:view: ada bob", "rights orders:place: ada", "rights orders:place: bob"},
		},
		{
			name: "a role that the plan does not have", o: observed(member("ada", "boss")),
		},
		{
			name: "members that are not Active, or are about to lose access", o: observed(
				member("ada", "seller", gone),
				member("bob", "seller", func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled }),
				member("cat", "seller", func(m *usherv1.Member) { m.DeletionTimestamp = &t0 }),
				member("dan", "seller", func(m *usherv1.Member) { m.Status.State = usherv1.ObservedPending })),
		},
		{
			name: "a member whose status is about an older spec is not added", o: observed(member("ada", "seller", edited), member("bob", "seller")),
			want: []string{"rights orders:place: bob"},
		},
		{
			name: "a disabled account", o: func() Observation {
				o := observed(member("ada", "seller"))
				o.Account.Spec.State = usherv1.StateDisabled
				return o
			}(),
		},
		{
			name: "a prefix and a support group", o: func() Observation {
				o := observed(member("ada", "seller"))
				o.UserPrefix = "oidc:"
				o.Account.Spec.Access = &usherv1.AccountAccess{SupportGroup: "vendor:agents"}
				return o
			}(), want: []string{"rights orders:place: oidc:ada vendor:agents"},
		},
		{
			name: "no plan", o: func() Observation {
				o := observed(member("ada", "admin"), member("bob", "member", may("orders:place")))
				o.Account.Spec.PlanRef, o.Terms = nil, plan.For(nil, nil)
				return o
			}(), want: []string{"rights orders:place: bob", "usher-account-admin: ada"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			p := Project(tt.o)
			g.Expect(grantsOf(p)).To(Equal(tt.want))
			for _, b := range p.Bindings {
				g.Expect(AccountOf(&b)).To(Equal("acme"))
			}

			// Existing bindings are kept as they are.
			tt.o.Bindings = p.Bindings
			again := Project(tt.o)
			g.Expect(again.Bindings).To(Equal(p.Bindings))
			g.Expect(again.Added).To(BeEmpty())
			g.Expect(again.Removed).To(BeEmpty())
		})
	}
}

func at(address usherv1.EmailAddress) func(*usherv1.Member) {
	return func(m *usherv1.Member) { m.Spec.Email = address }
}

// Some OIDC providers put addresses into lower case.
func TestAMemberIsKnownByTwoNames(t *testing.T) {
	const both = "rights orders:place: Ada.Lovelace ada.lovelace"
	g := NewWithT(t)
	o := observed(member("ada", "seller", at("Ada.Lovelace@acme.example")), member("bob", "seller"))
	first := Project(o)
	g.Expect(grantsOf(first)).To(Equal([]string{both + " bob"}))
	g.Expect(first.Added).To(Equal([]string{"ada", "bob"}))
	o.Bindings = first.Bindings
	g.Expect(Project(o).Bindings).To(Equal(first.Bindings))
	g.Expect(Project(o).Added).To(BeEmpty())

	// Both go together.
	o.Members = []usherv1.Member{member("ada", "seller", at("Ada.Lovelace@acme.example"), gone), member("bob", "seller")}
	p := Project(o)
	g.Expect(grantsOf(p)).To(Equal([]string{"rights orders:place: bob"}))
	g.Expect(p.Removed).To(Equal([]string{"Ada.Lovelace@acme.example", "ada.lovelace@acme.example"}))
	g.Expect(Withhold(o).Removed).To(Equal(p.Removed))
	o.Members = []usherv1.Member{member("ada", "seller", at("Ada.Lovelace@acme.example")), member("bob", "seller")}
	g.Expect(Withhold(o).Removed).To(BeEmpty())

	// A binding from before has one of them. The other is an addition, for which the member must be Active by a live read.
	one := first.Bindings[0].DeepCopy()
	one.Subjects = slices.DeleteFunc(one.Subjects, func(s rbacv1.Subject) bool { return s.Name == "ada.lovelace@acme.example" })
	o.Bindings = []rbacv1.RoleBinding{*one}
	p = Project(o)
	g.Expect(grantsOf(p)).To(Equal([]string{both + " bob"}))
	g.Expect(p.Added).To(Equal([]string{"ada"}))
	o.Members[0] = member("ada", "seller", at("Ada.Lovelace@acme.example"), edited)
	p = Project(o)
	g.Expect(grantsOf(p)).To(Equal([]string{"rights orders:place: Ada.Lovelace bob"}), "what it has it keeps")
	g.Expect(p.Added).To(BeEmpty())
	g.Expect(p.Removed).To(BeEmpty())

	// Another spelling takes no access away that the former gave under the same name.
	o.Bindings, o.Members[0] = first.Bindings, member("ada", "seller", at("ada.lovelace@acme.example"), edited)
	p = Project(o)
	g.Expect(grantsOf(p)).To(Equal([]string{"rights orders:place: ada.lovelace bob"}))
	g.Expect(p.Removed).To(Equal([]string{"Ada.Lovelace@acme.example"}))

	o.UserPrefix = "oidc:"
	g.Expect(o.Users(&o.Members[0])).To(Equal([]string{"oidc:ada.lovelace@acme.example"}))
	o.Members[0].Spec.Email = "A\u0308da@BÜCHER.example"
	g.Expect(o.Users(&o.Members[0])).To(Equal([]string{"oidc:A\u0308da@BÜCHER.example", "oidc:äda@bücher.example"}))
}

func TestMemberWithAnOutdatedStatusStays(t *testing.T) {
	g := NewWithT(t)
	o := observed(member("ada", "seller"))
	o.Bindings = Project(o).Bindings
	o.Members = []usherv1.Member{member("ada", "seller", edited)}
	g.Expect(grantsOf(Project(o))).To(Equal([]string{"rights orders:place: ada"}))
	o.Members[0].Spec.Email = "countess@acme.example"
	p := Project(o)
	g.Expect(p.Bindings).To(BeEmpty(), "no member has the old address, and the new one has no access yet")
	g.Expect(p.Removed).To(Equal([]string{"ada@acme.example"}))
}

// A change of one member rewrites one binding, and a role can have five thousand members.
func TestShards(t *testing.T) {
	g := NewWithT(t)
	const many = 5000
	local := strings.Repeat("x", 200)
	var members []usherv1.Member
	for i := range many {
		m := member(fmt.Sprintf("m%04d", i), "seller")
		m.Spec.Email = usherv1.EmailAddress(fmt.Sprintf("%s%04d@%s.example", local, i, strings.Repeat("D", 38))) // known by two names
		members = append(members, m)
	}
	o := observed(members...)
	first := Project(o)
	g.Expect(first.Bindings).To(HaveLen(many / shardSize))
	g.Expect(first.Added).To(HaveLen(many))
	for _, b := range first.Bindings {
		text, err := json.Marshal(b)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(len(text)).To(BeNumerically("<", 750_000), "etcd takes 1.5 MB")
		g.Expect(b.Subjects).To(HaveLen(2 * shardSize))
	}
	changed := func(before, after Projection) (names []string) {
		for _, b := range after.Bindings {
			i := slices.IndexFunc(before.Bindings, func(p rbacv1.RoleBinding) bool { return p.Name == b.Name })
			if i < 0 || !Holds(&before.Bindings[i], &b) {
				names = append(names, b.Name)
			}
		}
		return names
	}
	o.Bindings = first.Bindings
	o.Members = slices.Delete(slices.Clone(members), 17, 18)
	fewer := Project(o)
	g.Expect(changed(first, fewer)).To(HaveLen(1))
	g.Expect(fewer.Removed).To(HaveLen(2), "both names of one member")

	o.Bindings = fewer.Bindings
	o.Members = members
	more := Project(o)
	g.Expect(changed(fewer, more)).To(HaveLen(1), "the one with room")
	g.Expect(more.Added).To(Equal([]string{"m0017"}))

	o.Bindings = more.Bindings
	o.Members = members[:1]
	g.Expect(Project(o).Bindings).To(HaveLen(1))
}

func TestWithdrawn(t *testing.T) {
	withdrawn := member("ada", "seller", gone, because(usherv1.ReasonDisabledBySpec))
	before := observed(member("ada", "seller"), member("bob", "seller"))
	before.Bindings = Project(before).Bindings
	after := before
	after.Members = []usherv1.Member{withdrawn, member("bob", "seller")}
	marked := Project(after).Bindings

	tests := []struct {
		name     string
		m        usherv1.Member
		bindings []rbacv1.RoleBinding
		want     bool
	}{
		{name: "named", m: withdrawn, bindings: before.Bindings},
		{name: "marked and left out", m: withdrawn, bindings: marked, want: true},
		{name: "no bindings", m: withdrawn, want: true},
		{name: "one of two marked", m: withdrawn, bindings: append(slices.Clone(marked), before.Bindings...)},
		{name: "still Active", m: member("ada", "seller"), bindings: marked},
		{name: "never Active", m: member("ada", "seller", gone, func(m *usherv1.Member) { m.Status.ActivatedAt = nil }), bindings: before.Bindings, want: true},
		{name: "no seat to give back", m: member("ada", "seller", gone, func(m *usherv1.Member) { m.Status.Seats[0].ReleasedGrant = 7 }), bindings: before.Bindings, want: true},
		{
			name:     "Active again since the mark",
			m:        member("ada", "seller", gone, func(m *usherv1.Member) { m.Status.ActivatedAt = &metav1.Time{Time: t0.Add(time.Hour)} }),
			bindings: marked,
		},
		{
			name: "with another seat since the mark", m: member("ada", "seller", gone, func(m *usherv1.Member) { m.Status.Seats[0].Grant = 9 }),
			bindings: marked,
		},
		{name: "another account's bindings", m: member("ada", "seller", gone, func(m *usherv1.Member) { m.Spec.AccountRef.Name = "globex" }), bindings: before.Bindings, want: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			NewWithT(t).Expect(Withdrawn(&tt.m, objectsOf(tt.bindings))).To(Equal(tt.want))
		})
	}

	g := NewWithT(t)
	g.Expect(grantsOf(Project(after))).To(Equal([]string{"rights orders:place: bob"}))
	g.Expect(Holds(&before.Bindings[0], &marked[0])).To(BeFalse())
	g.Expect(MemberOf(Marked(&marked[0])[0])).To(Equal("uid-ada"))
	// A mark that is no longer needed causes no write, and is removed with the next change.
	after.Bindings, after.Members = marked, after.Members[1:]
	g.Expect(Holds(&marked[0], &Project(after).Bindings[0])).To(BeTrue())
	g.Expect(Project(after).Bindings[0].Annotations).To(BeEmpty())
	// A member that lost its access and keeps its seat is marked too, because its pool may be deleted.
	after.Members = []usherv1.Member{member("ada", "seller", gone, because(usherv1.ReasonRoleNotInPlan)), member("bob", "seller")}
	g.Expect(Withdrawn(&after.Members[0], objectsOf(Project(after).Bindings))).To(BeTrue())
}

func TestOnlyAdds(t *testing.T) {
	ada, bob := member("ada", "seller"), member("bob", "seller")
	withdrawn := member("bob", "seller", gone, because(usherv1.ReasonDisabledBySpec))
	binding := func(members ...usherv1.Member) *rbacv1.RoleBinding { return &Project(observed(members...)).Bindings[0] }
	supported := observed(ada)
	supported.Account.Spec.Access = &usherv1.AccountAccess{SupportGroup: "vendor:agents"}
	group := &Project(supported).Bindings[0]
	tests := []struct {
		name            string
		present, wanted *rbacv1.RoleBinding
		want            bool
	}{
		{"the same", binding(ada), binding(ada), true},
		{"one more", binding(ada), binding(ada, bob), true},
		{"one less", binding(ada, bob), binding(ada), false},
		{"another", binding(ada), binding(bob), false},
		{"one more group", binding(ada), group, true},
		{"one group less", group, binding(ada), false},
		{"a mark for a withdrawal", binding(ada), binding(ada, withdrawn), false},
		{"a mark that is no longer needed", binding(ada, withdrawn), binding(ada, bob), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			NewWithT(t).Expect(OnlyAdds(tt.present, tt.wanted)).To(Equal(tt.want))
		})
	}
}

func objectsOf(bindings []rbacv1.RoleBinding) []metav1.Object {
	var all []metav1.Object
	for i := range bindings {
		all = append(all, &bindings[i])
	}
	return all
}

func TestRules(t *testing.T) {
	g := NewWithT(t)
	rules := Rules([]usherv1.Right{"orders:place", "invoices:view", "orders:cancel"})
	g.Expect(rules).To(Equal([]rbacv1.PolicyRule{
		{APIGroups: []string{RightsGroup}, Resources: []string{"invoices"}, Verbs: []string{"view"}},
		{APIGroups: []string{RightsGroup}, Resources: []string{"orders"}, Verbs: []string{"cancel", "place"}},
		{APIGroups: []string{""}, Resources: []string{"invoices.rights.usher.dev"}, Verbs: []string{"view"}},
		{APIGroups: []string{""}, Resources: []string{"orders.rights.usher.dev"}, Verbs: []string{"cancel", "place"}},
	}))
	g.Expect(Rules([]usherv1.Right{usherv1.AnyRight})).To(Equal([]rbacv1.PolicyRule{{APIGroups: []string{RightsGroup}, Resources: []string{"*"}, Verbs: []string{"*"}}}), "never all of the core group")
}

func TestAccountOf(t *testing.T) {
	o := observed(member("ada", "seller"))
	b := Project(o).Bindings[0]
	tests := []struct {
		name     string
		spoil    func(*rbacv1.RoleBinding)
		of       string
		stripped bool
	}{
		{name: "as created", spoil: func(*rbacv1.RoleBinding) {}, of: "acme"},
		{name: "for an account of an earlier UID", spoil: func(b *rbacv1.RoleBinding) { b.OwnerReferences[0].UID = "earlier" }, of: "acme"},
		{name: "without an owner", spoil: func(b *rbacv1.RoleBinding) { b.OwnerReferences = nil }, stripped: true},
		{name: "without labels", spoil: func(b *rbacv1.RoleBinding) { b.Labels = nil }, stripped: true},
		{name: "without anything", spoil: func(b *rbacv1.RoleBinding) { b.OwnerReferences, b.Labels = nil, nil }},
		{name: "without labels, of an earlier account", spoil: func(b *rbacv1.RoleBinding) { b.Labels, b.OwnerReferences[0].UID = nil, "earlier" }},
		{name: "without an owner, of another account", spoil: func(b *rbacv1.RoleBinding) { b.OwnerReferences, b.Labels[usherv1.AccountLabel] = nil, "globex" }},
		{name: "without an owner, managed by another tool", spoil: func(b *rbacv1.RoleBinding) { b.OwnerReferences, b.Labels[labels.ManagedBy] = nil, "helm" }},
		{name: "of another kind of owner", spoil: func(b *rbacv1.RoleBinding) { b.OwnerReferences[0].Kind, b.OwnerReferences[0].UID = "Member", "ada" }},
		{name: "of another owner", spoil: func(b *rbacv1.RoleBinding) { b.OwnerReferences[0].Name, b.OwnerReferences[0].UID = "globex", "globex" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			other := b.DeepCopy()
			tt.spoil(other)
			g.Expect(AccountOf(other)).To(Equal(tt.of))
			g.Expect(Stripped(other, o.Account)).To(Equal(tt.stripped))
		})
	}
}

// If there is no room for all marks, the marks of members that give their seats back come first.
func TestMarksOfReleasedMembersComeFirst(t *testing.T) {
	g := NewWithT(t)
	members := []usherv1.Member{member("zoe", "seller", gone, because(usherv1.ReasonDisabledBySpec))}
	for i := range maxMarks {
		members = append(members, member(fmt.Sprintf("m%04d", i), "seller", gone, because(usherv1.ReasonRoleNotInPlan)))
	}
	marks := marksOf(members)
	g.Expect(marks).To(HaveLen(maxMarks))
	g.Expect(marks).To(ContainElement(Mark(&members[0])))
}
