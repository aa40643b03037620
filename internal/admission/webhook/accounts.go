// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	rules "github.com/usher-dev/usher/internal/admission"
)

// account warns of the effects of another plan on the account's members.
func (g gate) account(ctx context.Context, before, after *usherv1.Account) (admission.Warnings, error) {
	if before == nil || after == nil ||
		equality.Semantic.DeepEqual(before.Spec.PlanRef, after.Spec.PlanRef) && slices.Equal(before.Spec.AddOns, after.Spec.AddOns) {
		return nil, nil
	}
	had, err := g.termsOf(ctx, before)
	if err != nil {
		return nil, err
	}
	has, err := g.termsOf(ctx, after)
	if err != nil {
		return nil, err
	}
	members, err := g.members(ctx, after.Namespace, after.Name)
	if err != nil {
		return nil, err
	}
	pools, err := g.pools(ctx, after.Namespace)
	if err != nil {
		return nil, err
	}
	pools = slices.DeleteFunc(pools, func(p usherv1.SeatPool) bool { return p.Spec.AccountRef.Name != after.Name })
	return rules.Plan(had, has, members, pools, after.Name, g.now()), nil
}
