// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"strings"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
)

// Precedes tells whether other keeps member from having the address that both have: it belongs to the same account and is not
// being deleted, and it came first. Who stands there already with this address comes before who has just taken it up, so an
// edit never takes somebody else's access away; then the older one comes first, then the lower name.
func Precedes(other, member *usherv1.Member) bool {
	if other.UID == member.UID || other.Namespace != member.Namespace || other.DeletionTimestamp != nil ||
		other.Spec.AccountRef.Name != member.Spec.AccountRef.Name ||
		!strings.EqualFold(string(other.Spec.Email), string(member.Spec.Email)) {
		return false
	}
	if a, b := established(other), established(member); a != b {
		return a
	}
	if !other.CreationTimestamp.Equal(&member.CreationTimestamp) {
		return other.CreationTimestamp.Before(&member.CreationTimestamp)
	}
	return other.Name < member.Name
}

// established tells whether a Member was judged as it is now, and not as somebody's duplicate.
func established(m *usherv1.Member) bool {
	return m.Status.ObservedGeneration == m.Generation && m.Status.State != "" &&
		conditions.Reason(m.Status.Conditions, usherv1.ConditionReady) != usherv1.ReasonDuplicateEmail
}
