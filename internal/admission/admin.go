// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"slices"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/plan"
)

// Threatens reports whether a change may take the access of an Active admin away, judging by before and after alone. If
// it does not, the account's other members need not be read. after is nil for a deletion. Without the plan, it is
// unknown who is an admin.
func Threatens(before, after *usherv1.Member, terms plan.Terms, now time.Time) bool {
	if terms.Problem != "" || before.Status.State != usherv1.ObservedActive || !terms.Admin(before.Status.Role) ||
		before.DeletionTimestamp != nil {
		return false
	}
	return after == nil || Wants(before, now) && !Wants(after, now) || demotes(before, after, terms, nil) || ends(before, after) ||
		moves(before, after)
}

// LastAdmin refuses to delete, disable or demote the account's last Active admin, and warns if that admin's access is
// about to end. after is nil for a deletion; members are all of the account.
func LastAdmin(before, after *usherv1.Member, members []usherv1.Member, terms plan.Terms, now time.Time) (refusal, warning string) {
	if !Threatens(before, after, terms, now) || slices.ContainsFunc(members, func(m usherv1.Member) bool {
		return m.UID != before.UID && administers(&m, before.Spec.AccountRef.Name, terms, now)
	}) {
		return "", ""
	}
	var what string
	closing := "disable the Account to close it"
	switch {
	case after == nil:
		what, closing = "deleted", "delete the Account to close it"
	case !Wants(after, now) && Wants(before, now):
		what = "disabled"
	case demotes(before, after, terms, members):
		what = "demoted"
	case moves(before, after) && taken(after, members):
		what = "given the address of another member"
	case ends(before, after):
		return "", fmt.Sprintf(
			"Member %s is the last Active admin of Account %s, and its access ends at %s; make another member an admin before that",
			before.Name,
			before.Spec.AccountRef.Name,
			after.Spec.AccessUntil.UTC().Format(time.RFC3339),
		)
	default:
		return "", ""
	}
	return fmt.Sprintf(
		"Member %s is the last Active admin of Account %s and cannot be %s; make another member an admin and wait until it is Active, or %s",
		before.Name,
		before.Spec.AccountRef.Name,
		what,
		closing,
	), ""
}

// demotes reports whether the change takes an admin role away. Where it is not recorded who came first, and so may have the
// owner's role, members decide that.
func demotes(before, after *usherv1.Member, terms plan.Terms, members []usherv1.Member) bool {
	standing := plan.Recorded(before.Annotations)
	if standing == plan.Junior && members != nil &&
		!slices.ContainsFunc(members, func(m usherv1.Member) bool { return plan.CameBefore(&m, before) }) {
		standing = plan.Eldest
	}
	return terms.Admin(terms.Assign(before, true, standing).Role) && !terms.Admin(terms.Assign(after, true, standing).Role)
}

// ends reports whether the change sets an end of access, or an earlier one.
func ends(before, after *usherv1.Member) bool {
	until, was := after.Spec.AccessUntil, before.Spec.AccessUntil
	return until != nil && (was == nil || until.Before(was))
}

// moves reports whether the change gives the member another address at once. Others keep theirs until they confirm the new one.
func moves(before, after *usherv1.Member) bool {
	return after.Spec.Activation == usherv1.ActivateImmediately && !after.Spec.Email.SameAs(before.EmailInUse())
}

// taken reports whether another member of the account has the address in the member's spec, and would keep the member from using it.
func taken(m *usherv1.Member, members []usherv1.Member) bool {
	return slices.ContainsFunc(members, func(o usherv1.Member) bool {
		return o.UID != m.UID && o.DeletionTimestamp == nil && o.Spec.AccountRef.Name == m.Spec.AccountRef.Name &&
			o.EmailInUse().SameAs(m.Spec.Email)
	})
}

// administers reports whether a member is an Active admin of the account, and its spec does not end that.
func administers(m *usherv1.Member, account string, terms plan.Terms, now time.Time) bool {
	return m.Spec.AccountRef.Name == account && m.DeletionTimestamp == nil && Wants(m, now) &&
		m.Status.State == usherv1.ObservedActive && terms.Admin(m.Status.Role)
}
