// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package guard says what an account should not do to itself, and what to do instead. It is pure: objects go in, a refusal or
// advice comes out, empty if there is none. Admission refuses early by it; the reconcilers hold the same rules by themselves, for
// whatever got past admission while that was down (packages plan, membership and seat).
package guard

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/utils/ptr"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/plan"
)

// Threatens tells whether a change may take the access of an Active admin away: it deletes, disables or demotes the member, ends its
// access, or gives it another address. after is nil for a deletion.
func Threatens(before, after *usherv1.Member, terms plan.Terms) bool {
	if before.Status.State != usherv1.ObservedActive || !terms.Admin(before.Status.Role) || before.DeletionTimestamp != nil {
		return false
	}
	switch {
	case after == nil:
		return true
	case after.Spec.State == usherv1.StateDisabled && before.Spec.State != usherv1.StateDisabled:
		return true
	case after.Spec.Role != before.Spec.Role && !terms.Admin(after.Spec.Role):
		return true
	case after.Spec.AccessUntil != nil && !after.Spec.AccessUntil.Equal(before.Spec.AccessUntil):
		return true
	}
	return !strings.EqualFold(string(after.Spec.Email), string(before.Spec.Email))
}

// LastAdmin refuses a change that Threatens the account's last Active admin. members are all of the namespace.
func LastAdmin(before, after *usherv1.Member, members []usherv1.Member, terms plan.Terms, now time.Time) string {
	if !Threatens(before, after, terms) {
		return ""
	}
	for i := range members {
		if m := &members[i]; m.UID != before.UID && administers(m, before.Spec.AccountRef.Name, terms, now) {
			return ""
		}
	}
	if after != nil && after.Spec.State != usherv1.StateDisabled && after.Spec.AccessUntil.Equal(before.Spec.AccessUntil) &&
		after.Spec.Role == before.Spec.Role && !taken(after, members) {
		return "" // another address of its own
	}
	what := "deleted, disabled, demoted or ended"
	return fmt.Sprintf("Member %s is the last Active admin of Account %s and cannot be %s; make another member an admin first, and wait until it is Active",
		before.Name, before.Spec.AccountRef.Name, what)
}

// taken tells whether somebody else of the account has the member's address, and would keep the member from having it.
func taken(m *usherv1.Member, members []usherv1.Member) bool {
	return slices.ContainsFunc(members, func(o usherv1.Member) bool {
		return o.UID != m.UID && o.DeletionTimestamp == nil && o.Spec.AccountRef.Name == m.Spec.AccountRef.Name &&
			strings.EqualFold(string(o.Spec.Email), string(m.Spec.Email))
	})
}

func administers(m *usherv1.Member, account string, terms plan.Terms, now time.Time) bool {
	return m.Spec.AccountRef.Name == account && m.DeletionTimestamp == nil && m.Spec.State != usherv1.StateDisabled &&
		!m.Spec.Ended(now) && m.Status.State == usherv1.ObservedActive && terms.Admin(m.Status.Role)
}

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

// Purchase refuses to buy seats that the plan does not sell, or not now. before is nil for a new pool; pools are all of the namespace.
func Purchase(before, after *usherv1.SeatPool, pools []usherv1.SeatPool, terms plan.Terms) string {
	if terms.Problem != "" || bought(after) <= bought(before) {
		return ""
	}
	return terms.SeatsOf(after, pools).Problem
}

func bought(p *usherv1.SeatPool) int32 {
	if p == nil {
		return 0
	}
	return ptr.Deref(p.Spec.Seats, 0)
}

// Shrinks warns of fewer seats than are claimed.
func Shrinks(before, after *usherv1.SeatPool, pools []usherv1.SeatPool, terms plan.Terms) string {
	claims, capacity := len(after.Status.Claims), terms.SeatsOf(after, pools).Capacity()
	if bought(after) >= bought(before) || claims <= capacity {
		return ""
	}
	return fmt.Sprintf("%d seats of SeatPool %s are claimed and there will be %d; nobody is evicted, and none are given until %d came back",
		claims, after.Name, capacity, claims-capacity+1)
}

// Waits warns that there are more members than seats; pool is the one that a new member takes its seat from.
func Waits(pool *usherv1.SeatPool) string {
	if pool.Status.Available == nil {
		return ""
	}
	free, needs := *pool.Status.Available, ptr.Deref(pool.Status.Waiting, 0)+1
	if needs <= free {
		return ""
	}
	return fmt.Sprintf("SeatPool %s needs %d, %d free: %d will wait; add seats with: kubectl scale seatpool %s -n %s --replicas=%d",
		pool.Name, needs, free, needs-free, pool.Name, pool.Namespace, bought(pool)+needs-free)
}

// Owner refuses to give something to a member who takes nothing new.
func Owner(m *usherv1.Member, now time.Time) string {
	if m.DeletionTimestamp == nil && m.Spec.State != usherv1.StateDisabled && !m.Spec.Ended(now) && m.Status.State != usherv1.ObservedDisabled {
		return ""
	}
	return fmt.Sprintf("Member %s has no access and takes nothing new; name an Active member in the label %s", m.Name, usherv1.OwnerLabel)
}
