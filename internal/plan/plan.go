// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plan reads an account's plan: seats, what can be bought, roles and rights. It is pure: objects go in, terms
// come out.
package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/utils/ptr"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Roles of an account without a plan.
const (
	AdminRole  = "admin"
	MemberRole = "member"
)

// unplanned is what an account without a plan has: the seats that it buys, and two roles.
var unplanned = usherv1.PlanSpec{
	Roles:       []usherv1.PlanRole{{Name: AdminRole, AccountAdmin: ptr.To(true)}, {Name: MemberRole}},
	DefaultRole: MemberRole,
}

// Terms are what an account gets from its plan, or without one.
type Terms struct {
	// Problem says that the account's plan does not exist and what to do about it. It is empty if the plan exists, or if
	// the account names none. While there is a problem, no member gets anything new.
	Problem string

	name   string // the plan's; empty without a plan
	spec   *usherv1.PlanSpec
	addOns []string
}

// For returns the terms of an account; a nil account has no plan. plan is the Plan that the account's planRef names, or
// nil if it does not exist or none is named.
func For(account *usherv1.Account, plan *usherv1.Plan) Terms {
	t := Terms{spec: &unplanned}
	if account == nil || account.Spec.PlanRef == nil {
		return t
	}
	t.addOns = account.Spec.AddOns
	t.name = account.Spec.PlanRef.Name
	if plan == nil {
		t.Problem = "There is no Plan " + t.name + "; create it, or correct spec.planRef of Account " + account.Name
		return t
	}
	t.spec = &plan.Spec
	return t
}

// Fault returns what is wrong between the account and its plan, or "" if nothing is.
func (t Terms) Fault() (reason, problem string) {
	if t.Problem != "" {
		return usherv1.ReasonPlanNotFound, t.Problem
	}
	for _, addOn := range t.addOns {
		if !slices.ContainsFunc(t.spec.AddOns, func(a usherv1.PlanAddOn) bool { return a.Name == addOn }) {
			return usherv1.ReasonAddOnNotInPlan, fmt.Sprintf(
				"Plan %s has no add-on %s; remove it from spec.addOns, or choose another plan",
				t.name,
				addOn,
			)
		}
	}
	return "", ""
}

// Role returns the role of that name.
func (t Terms) Role(name string) (role usherv1.PlanRole, found bool) {
	i := slices.IndexFunc(t.spec.Roles, func(r usherv1.PlanRole) bool { return r.Name == name })
	if i < 0 {
		return role, false
	}
	return t.spec.Roles[i], true
}

// Admin reports whether members with that role manage the account's members.
func (t Terms) Admin(role string) bool {
	r, found := t.Role(role)
	return found && ptr.Deref(r.AccountAdmin, false)
}

// Vocabulary returns every right that the plan defines.
func (t Terms) Vocabulary() []usherv1.Right {
	all := make([]usherv1.Right, 0, len(t.spec.Rights))
	for _, r := range t.spec.Rights {
		all = append(all, r.Name)
	}
	return all
}

// RightsOf returns the rights of a role, sorted, with * replaced by all rights of the plan.
func (t Terms) RightsOf(role string) []usherv1.Right {
	r, _ := t.Role(role)
	return t.spell(r.Rights)
}

// spell returns rights sorted, with * replaced by all rights of the plan.
func (t Terms) spell(rights []usherv1.Right) []usherv1.Right {
	var all []usherv1.Right
	for _, right := range rights {
		if right == usherv1.AnyRight {
			all = append(all, t.Vocabulary()...)
		} else {
			all = append(all, right)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Assignment is the role and the rights of a Member.
type Assignment struct {
	Role string
	// Rights are the role's and the Member's own, sorted.
	Rights []usherv1.Right
	// Reason is RoleNotInPlan or RightNotInPlan, and Problem says what to do about it; both are empty if nothing is wrong.
	Reason, Problem string
}

// Assign returns the role and rights of a Member with that standing.
func (t Terms) Assign(m *usherv1.Member, accepted bool, standing Standing) Assignment {
	if t.Problem != "" {
		// The plan is unknown. Keep the last role and rights: who was the first member depends on them.
		return Assignment{Role: cmp.Or(m.Status.Role, m.Spec.Role), Rights: m.Status.Rights}
	}
	a := Assignment{Role: t.roleOf(m, accepted, standing)}
	wanted := m.Spec.Role
	if wanted == "" {
		wanted = a.Role
	}
	if _, found := t.Role(wanted); !found {
		a.Role, a.Reason = wanted, usherv1.ReasonRoleNotInPlan
		a.Problem = fmt.Sprintf("%s has no role %s; its roles are %s", t.title(), wanted, strings.Join(t.roles(), ", "))
		return a
	}
	own, vocabulary := t.spell(m.Spec.Rights), t.Vocabulary()
	for _, right := range own {
		if !slices.Contains(vocabulary, right) {
			a.Reason = usherv1.ReasonRightNotInPlan
			a.Problem = fmt.Sprintf("%s has no right %s; %s", t.title(), right, t.choices(vocabulary))
			return a
		}
	}
	a.Rights = slices.Concat(t.RightsOf(a.Role), own)
	slices.Sort(a.Rights)
	a.Rights = slices.Compact(a.Rights)
	return a
}

// Fit reports whether the plan lets a Member have a seat.
func (t Terms) Fit(m *usherv1.Member) bool {
	return t.Problem == "" && t.Assign(m, false, Junior).Reason == ""
}

// roleOf returns the effective role.
func (t Terms) roleOf(m *usherv1.Member, accepted bool, standing Standing) string {
	switch {
	case !accepted && t.spec.InvitedRole != "":
		return t.spec.InvitedRole
	case m.Spec.Role != "":
		return m.Spec.Role
	case t.spec.OwnerRole != "" && t.Settle(m, standing) == First:
		return t.spec.OwnerRole
	}
	return t.spec.DefaultRole
}

func (t Terms) roles() (names []string) {
	for _, r := range t.spec.Roles {
		names = append(names, r.Name)
	}
	return names
}

func (t Terms) choices(vocabulary []usherv1.Right) string {
	if len(vocabulary) == 0 {
		return "it has none; remove it from spec.rights"
	}
	words := make([]string, len(vocabulary))
	for i, right := range vocabulary {
		words[i] = string(right)
	}
	return "its rights are " + strings.Join(words, ", ")
}

func (t Terms) title() string {
	if t.name == "" {
		return "An account without a plan"
	}
	return "Plan " + t.name
}

// InvitedRole returns the role of members until they have accepted, whatever their spec says, or "" if the plan names
// none.
func (t Terms) InvitedRole() string { return t.spec.InvitedRole }
