// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package admission holds the rules by which an account is kept from harming itself, and says what to do instead. It is
// pure: objects go in, a refusal or a warning comes out, empty if there is none. Admission refuses early; the
// reconcilers enforce the same rules on their own for changes that were made while the webhooks were down (packages
// plan, membership and seat).
package admission

import (
	"fmt"
	"slices"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/plan"
)

// Role refuses a role or right that the plan does not have. It also refuses another role before the acceptance if the
// plan sets the role that members have until then. before is nil for a new member.
func Role(before, after *usherv1.Member, terms plan.Terms) string {
	roleChanged := before == nil && after.Spec.Role != "" || before != nil && before.Spec.Role != after.Spec.Role
	rightsChanged := before == nil && len(after.Spec.Rights) > 0 || before != nil && !slices.Equal(before.Spec.Rights, after.Spec.Rights)
	if terms.Problem != "" || !roleChanged && !rightsChanged {
		return ""
	}
	if a := terms.Assign(after, after.Status.AcceptedAt != nil, plan.Recorded(after.Annotations)); a.Problem != "" {
		return a.Problem
	}
	if invited := terms.InvitedRole(); before != nil && roleChanged && invited != "" && after.Status.AcceptedAt == nil {
		return fmt.Sprintf(
			"The account's plan gives members the role %s until they have accepted; change the role of Member %s after that",
			invited,
			after.Name,
		)
	}
	return ""
}

// Owner refuses to give an object to a member who has no access.
func Owner(m *usherv1.Member, now time.Time) string {
	if m.DeletionTimestamp == nil && Wants(m, now) && m.Status.State != usherv1.ObservedDisabled {
		return ""
	}
	return fmt.Sprintf("Member %s has no access and cannot become an owner; name an Active member in the label %s", m.Name, usherv1.OwnerLabel)
}

// Wants reports whether a member should have access according to its spec.
func Wants(m *usherv1.Member, now time.Time) bool {
	return m.Spec.State != usherv1.StateDisabled && !m.Spec.Ended(now)
}
