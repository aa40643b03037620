// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"context"
	"errors"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/guard"
	"github.com/usher-dev/usher/internal/seat"
)

// members guards an account's last admin and its plan's roles.
type members struct{ gate }

var _ admission.Validator[*usherv1.Member] = (*members)(nil)

// ValidateCreate refuses roles and rights that the plan does not have, and warns where there is no seat.
func (v *members) ValidateCreate(ctx context.Context, m *usherv1.Member) (admission.Warnings, error) {
	terms, err := v.terms(ctx, m.Namespace, m.Spec.AccountRef.Name)
	if errors.Is(err, errGoing) {
		return nil, nil // it may come later, as in one file
	}
	if err != nil {
		return nil, err
	}
	if err := refuse(guard.Role(nil, m, terms)); err != nil {
		return nil, err
	}
	if m.Spec.State == usherv1.StateDisabled || m.Spec.Ended(v.now()) {
		return nil, nil
	}
	all, err := v.poolsOf(ctx, m.Namespace)
	if err != nil {
		return nil, err
	}
	choice := seat.Choose(m, all)
	var warnings admission.Warnings
	for i := range all {
		if !choice.Names(all[i].Name) {
			continue
		}
		if warning := guard.Waits(&all[i]); warning != "" {
			warnings = append(warnings, warning)
		}
	}
	return warnings, nil
}

// ValidateUpdate refuses to take the last admin's access away, and roles and rights that the plan does not have.
func (v *members) ValidateUpdate(ctx context.Context, before, after *usherv1.Member) (admission.Warnings, error) {
	if before.Generation == after.Generation {
		return nil, nil // Usher's finalizer, a label
	}
	terms, err := v.terms(ctx, after.Namespace, after.Spec.AccountRef.Name)
	if errors.Is(err, errGoing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := refuse(guard.Role(before, after, terms)); err != nil {
		return nil, err
	}
	if !guard.Threatens(before, after, terms) {
		return nil, nil
	}
	all, err := v.membersOf(ctx, after)
	if err != nil {
		return nil, err
	}
	return nil, refuse(guard.LastAdmin(before, after, all, terms, v.now()))
}

// ValidateDelete refuses to delete the last admin, unless its account or namespace goes with it.
func (v *members) ValidateDelete(ctx context.Context, m *usherv1.Member) (admission.Warnings, error) {
	terms, err := v.terms(ctx, m.Namespace, m.Spec.AccountRef.Name)
	if errors.Is(err, errGoing) || err == nil && !guard.Threatens(m, nil, terms) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if going, err := v.leaving(ctx, m.Namespace); going || err != nil {
		return nil, err
	}
	all, err := v.membersOf(ctx, m)
	if err != nil {
		return nil, err
	}
	return nil, refuse(guard.LastAdmin(m, nil, all, terms, v.now()))
}

// membersOf are the members of m's account.
func (g gate) membersOf(ctx context.Context, m *usherv1.Member) ([]usherv1.Member, error) {
	var list usherv1.MemberList
	err := g.live.List(ctx, &list, client.InNamespace(m.Namespace), client.MatchingFields{"spec.accountRef.name": m.Spec.AccountRef.Name})
	return list.Items, err
}
