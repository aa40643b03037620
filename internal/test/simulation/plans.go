// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// planKey is the key of the only plan.
var planKey = types.NamespacedName{Name: "plan"}

// planSpecs are the specs that it may have: each lacks something that another has.
var planSpecs = []usherv1.PlanSpec{
	{
		IncludedSeats: ptr.To[int32](1), Rights: []usherv1.PlanRight{{Name: "orders:place"}},
		Roles:       []usherv1.PlanRole{{Name: "admin", AccountAdmin: ptr.To(true), Rights: []usherv1.Right{usherv1.AnyRight}}, {Name: "seller"}},
		DefaultRole: "seller", OwnerRole: "admin", AddOns: []usherv1.PlanAddOn{{Name: "extra", IncludedSeats: ptr.To[int32](1)}},
	},
	{
		SeatPurchase: usherv1.SeatPurchase{Policy: usherv1.PurchaseNotAllowed}, IncludedSeats: ptr.To[int32](2),
		Roles: []usherv1.PlanRole{{Name: "seller"}}, DefaultRole: "seller",
	},
	{
		SeatPurchase:  usherv1.SeatPurchase{WhenFull: ptr.To(true)},
		IncludedSeats: ptr.To[int32](1), Rights: []usherv1.PlanRight{{Name: "orders:place"}},
		Roles: []usherv1.PlanRole{{Name: "admin", AccountAdmin: ptr.To(true)}, {Name: "seller",
			Rights: []usherv1.Right{"orders:place"}}, {Name: "guest"}},
		DefaultRole: "seller", OwnerRole: "admin", InvitedRole: "guest",
	},
	{
		SeatPurchase: usherv1.SeatPurchase{Maximum: ptr.To[int32](1)},
		Roles:        []usherv1.PlanRole{{Name: "admin", AccountAdmin: ptr.To(true), ClusterRoles: []string{"acme-admin"}}}, DefaultRole: "admin",
	},
}
