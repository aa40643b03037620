// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package guard says what an account should not do to itself, and what to do instead. It is pure: objects go in, a refusal or
// advice comes out, empty if there is none. Admission refuses early by it; the reconcilers hold the same rules by themselves, for
// whatever got past admission while that was down (packages plan, membership and seat).
package admission

import (
	"fmt"
	"slices"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/plan"
)

// Role refuses a role or right that the plan does not have, and another role before the acceptance where the plan says which one a
// member has until then. before is nil for a new member.
func Role(before, after *usherv1.Member, terms plan.Terms) string {
	roleChanged := before == nil && after.Spec.Role != "" || before != nil && before.Spec.Role != after.Spec.Role
	rightsChanged := before == nil && len(after.Spec.Rights) > 0 || before != nil && !slices.Equal(before.Spec.Rights, after.Spec.Rights)
	if terms.Problem != "" || !roleChanged && !rightsChanged {
		return ""
	}
	if a := terms.Assign(after, after.Status.AcceptedAt != nil, false); a.Problem != "" {
		return a.Problem
	}
	if invited := terms.InvitedRole(); before != nil && roleChanged && invited != "" && after.Status.AcceptedAt == nil {
		return fmt.Sprintf("Members are %s until they have accepted, by the account's plan; change the role of Member %s after that", invited, after.Name)
	}
	return ""
}

// Owner refuses to give something to a member who takes nothing new.
func Owner(m *usherv1.Member, now time.Time) string {
	if m.DeletionTimestamp == nil && Wants(m, now) && m.Status.State != usherv1.ObservedDisabled {
		return ""
	}
	return fmt.Sprintf("Member %s has no access and takes nothing new; name an Active member in the label %s", m.Name, usherv1.OwnerLabel)
}

// Wants tells whether a member is to have access, going by its spec.
func Wants(m *usherv1.Member, now time.Time) bool {
	return m.Spec.State != usherv1.StateDisabled && !m.Spec.Ended(now)
}
