// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"cmp"
	"context"

	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	rules "github.com/usher-dev/usher/internal/admission"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/seat"
)

// member enforces the plan's roles and protects the account's last admin, and warns if there is no seat.
func (g gate) member(ctx context.Context, before, after *usherv1.Member) (admission.Warnings, error) {
	m := cmp.Or(after, before)
	terms, err := g.terms(ctx, m.Namespace, m.Spec.AccountRef.Name)
	if err != nil {
		return nil, err
	}
	if after != nil {
		if err := refuse(rules.Role(before, after, terms)); err != nil {
			return nil, err
		}
	}
	var warnings admission.Warnings
	if before != nil && rules.Threatens(before, after, terms, g.now()) {
		if warnings, err = g.lastAdmin(ctx, before, after, terms); err != nil {
			return nil, err
		}
	}
	if after != nil && rules.Joins(before, after, g.now()) {
		waits, err := g.waits(ctx, before, after)
		return append(warnings, waits...), err
	}
	return warnings, nil
}

// lastAdmin checks a change that Threatens an admin: unless the account or the namespace is deleted too, another admin
// must remain.
func (g gate) lastAdmin(ctx context.Context, before, after *usherv1.Member, terms plan.Terms) (admission.Warnings, error) {
	if after == nil {
		if leaving, err := g.leaving(ctx, before.Namespace); leaving || err != nil {
			return nil, err
		}
	}
	all, err := g.members(ctx, before.Namespace, before.Spec.AccountRef.Name)
	if err != nil {
		return nil, err
	}
	no, warning := rules.LastAdmin(before, after, all, terms, g.now())
	if warning != "" {
		return admission.Warnings{warning}, nil
	}
	return nil, refuse(no)
}

// waits warns of the pools that have no seat for one more member.
func (g gate) waits(ctx context.Context, before, after *usherv1.Member) (warnings admission.Warnings, err error) {
	all, err := g.pools(ctx, after.Namespace)
	if err != nil {
		return nil, err
	}
	wanted := seat.Choose(after, all)
	var already seat.Choice
	if before != nil && rules.Wants(before, g.now()) {
		already = seat.Choose(before, all)
	}
	for i := range all {
		if !wanted.Names(all[i].Name) || already.Names(all[i].Name) {
			continue
		}
		if warning := rules.Waits(&all[i]); warning != "" {
			warnings = append(warnings, warning)
		}
	}
	return warnings, nil
}
