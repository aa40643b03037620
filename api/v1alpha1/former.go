// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "slices"

// Remembers reports whether the account's status lists a deleted member with this UID. A nil Account remembers no one.
func (a *Account) Remembers(uid string) bool {
	return a != nil && uid != "" && (slices.ContainsFunc(a.Status.Departures, func(d Departure) bool { return d.UID == uid }) ||
		slices.ContainsFunc(a.Status.FormerMembers, func(f FormerMember) bool { return f.UID == uid }))
}

// Is reports whether a UID is the Member's, or was before the Member was restored from a backup. A Member that was created anew under the
// name of an earlier one does not have the earlier one's UID: its author does not write the annotation.
func (m *Member) Is(uid string) bool {
	return uid != "" && (uid == string(m.UID) || uid == m.Annotations[MemberUIDAnnotation])
}
