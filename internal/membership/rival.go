// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"slices"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/reason"
)

// Precedes reports whether other keeps member from having the address that both have, or are to be invited at: it belongs to the same
// account, is not being deleted, and came first. A member that has a seat comes before one that has none, and a member that already had the
// address comes before one that has just taken it up. So an edit never takes another member's access away. Otherwise a member that has
// accepted comes first, then the older one, then the lower name.
//
// A member without a state that has accepted has lost its status, and counts as if it still said that it has the address: another one may
// be judged before it after a restore.
func Precedes(other, member *usherv1.Member) bool {
	if other.UID == member.UID || other.Namespace != member.Namespace || other.DeletionTimestamp != nil ||
		other.Spec.AccountRef.Name != member.Spec.AccountRef.Name ||
		!other.EmailInUse().SameAs(member.EmailInUse()) {
		return false
	}
	for _, better := range []func(*usherv1.Member) bool{established, seated, judgedAsItIs, accepted} {
		if a, b := better(other), better(member); a != b {
			return a
		}
	}
	if !other.CreationTimestamp.Equal(&member.CreationTimestamp) {
		return other.CreationTimestamp.Before(&member.CreationTimestamp)
	}
	return other.Name < member.Name
}

// Holds reports whether other has the address that member wants in place of the one in use: it is of the same account, is not being
// deleted, and has the address in use, or is to be invited at it. A member that only wants the address does not have it: the first of them
// to confirm it gets it.
func Holds(other, member *usherv1.Member) bool {
	return other.UID != member.UID && other.Namespace == member.Namespace && other.DeletionTimestamp == nil &&
		other.Spec.AccountRef.Name == member.Spec.AccountRef.Name && other.EmailInUse().SameAs(member.Spec.Email)
}

// established reports whether a Member has a state, and is no duplicate of another.
func established(m *usherv1.Member) bool {
	return m.Status.State != "" && !reason.OfMember(m).Duplicate || hasLostStatus(m)
}

func hasLostStatus(m *usherv1.Member) bool { return m.Status.State == "" && accepted(m) }

// seated reports whether a Member holds a seat of the base product. A duplicate that was disabled since, or lost its pool, has another
// reason by then: that it has no seat still shows.
func seated(m *usherv1.Member) bool {
	return slices.ContainsFunc(m.Status.Seats, func(s usherv1.MemberSeat) bool { return s.AddOn == "" && s.Held() })
}

// judgedAsItIs reports whether a Member's status is about its present spec, so that it has not just taken up its address.
func judgedAsItIs(m *usherv1.Member) bool {
	return m.Status.ObservedGeneration == m.Generation || hasLostStatus(m)
}

// accepted reports whether a Member has accepted. It decides after a restore, when no other status is left.
func accepted(m *usherv1.Member) bool { return m.Status.AcceptedAt != nil }
