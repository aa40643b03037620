// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// PlanBuilder builds a Plan.
type PlanBuilder struct{ plan usherv1.Plan }

// Plan starts a Plan without included seats that sells any number, with `member` as its only and default role.
func Plan(name string) *PlanBuilder {
	return &PlanBuilder{usherv1.Plan{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: usherv1.PlanSpec{
			DisplayName: usherv1.Line(name),
			Roles:       []usherv1.PlanRole{{Name: "member"}},
			DefaultRole: "member",
		},
	}}
}

// Included sets how many seats of the base product are included.
func (b *PlanBuilder) Included(seats int32) *PlanBuilder {
	b.plan.Spec.IncludedSeats = &seats
	return b
}

// Purchase sets the rules for buying seats of the base product.
func (b *PlanBuilder) Purchase(rules usherv1.SeatPurchase) *PlanBuilder {
	b.plan.Spec.SeatPurchase = rules
	return b
}

// AddOn adds an add-on.
func (b *PlanBuilder) AddOn(name string, included int32, rules usherv1.SeatPurchase) *PlanBuilder {
	b.plan.Spec.AddOns = append(b.plan.Spec.AddOns, usherv1.PlanAddOn{Name: name, IncludedSeats: &included, SeatPurchase: rules})
	return b
}

// Rights adds words to the vocabulary.
func (b *PlanBuilder) Rights(names ...usherv1.Right) *PlanBuilder {
	for _, name := range names {
		b.plan.Spec.Rights = append(b.plan.Spec.Rights, usherv1.PlanRight{Name: name})
	}
	return b
}

// Role adds a role.
func (b *PlanBuilder) Role(name string, rights ...usherv1.Right) *PlanBuilder {
	b.plan.Spec.Roles = append(b.plan.Spec.Roles, usherv1.PlanRole{Name: name, Rights: rights})
	return b
}

// Admin adds a role that manages the account's members and has every right, and makes it the plan's owner role.
func (b *PlanBuilder) Admin(name string) *PlanBuilder {
	admin := true
	b.plan.Spec.Roles = append(b.plan.Spec.Roles, usherv1.PlanRole{
		Name: name, AccountAdmin: &admin, Rights: []usherv1.Right{usherv1.AnyRight},
	})
	b.plan.Spec.OwnerRole = name
	return b
}

// ClusterRoles binds ClusterRoles to the role that was added last.
func (b *PlanBuilder) ClusterRoles(names ...string) *PlanBuilder {
	b.plan.Spec.Roles[len(b.plan.Spec.Roles)-1].ClusterRoles = names
	return b
}

// InvitedRole sets the role that members have until they accept.
func (b *PlanBuilder) InvitedRole(name string) *PlanBuilder {
	b.plan.Spec.InvitedRole = name
	return b
}

// Build returns a new Plan.
func (b *PlanBuilder) Build() *usherv1.Plan { return b.plan.DeepCopy() }
