// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"slices"
	"strings"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/reason"
)

// Precedes reports whether other keeps member from having the address that both have: it belongs to the same account and is not
// being deleted, and it came first. Nobody who has a seat loses it to who has none, and who stands there already with this
// address comes before who has just taken it up, so an edit never takes somebody else's access away; then the older one comes
// first, then the lower name.
func Precedes(other, member *usherv1.Member) bool {
	if other.UID == member.UID || other.Namespace != member.Namespace || other.DeletionTimestamp != nil ||
		other.Spec.AccountRef.Name != member.Spec.AccountRef.Name ||
		!strings.EqualFold(string(other.Spec.Email), string(member.Spec.Email)) {
		return false
	}
	for _, better := range []func(*usherv1.Member) bool{established, seated, judgedAsItIs} {
		if a, b := better(other), better(member); a != b {
			return a
		}
	}
	if !other.CreationTimestamp.Equal(&member.CreationTimestamp) {
		return other.CreationTimestamp.Before(&member.CreationTimestamp)
	}
	return other.Name < member.Name
}

// established reports whether a Member was judged, and not as somebody's duplicate.
func established(m *usherv1.Member) bool {
	return m.Status.State != "" && !reason.OfMember(m).Duplicate
}

// seated reports whether a Member holds a seat of the base product. A duplicate that was disabled since, or lost its pool, has
// another reason by then and is told by this.
func seated(m *usherv1.Member) bool {
	return slices.ContainsFunc(m.Status.Seats, func(s usherv1.MemberSeat) bool { return s.AddOn == "" && s.Held() })
}

// judgedAsItIs reports whether a Member's status speaks of its present spec: the address in it is not one that it just took up.
func judgedAsItIs(m *usherv1.Member) bool { return m.Status.ObservedGeneration == m.Generation }
