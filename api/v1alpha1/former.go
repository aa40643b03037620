// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"slices"
	"strings"
)

// maxUIDs is how many of its UIDs a Member's metadata says: more often a member is hardly restored.
const maxUIDs = 10

// Remembers reports whether the account's status lists a deleted member with this UID. A nil Account remembers no one.
func (a *Account) Remembers(uid string) bool {
	return a != nil && uid != "" && (slices.ContainsFunc(a.Status.Departures, func(d Departure) bool { return d.UID == uid }) ||
		slices.ContainsFunc(a.Status.FormerMembers, func(f FormerMember) bool { return f.UID == uid }))
}

// Is reports whether a UID is the Member's, or was before the Member was restored from a backup. A Member that was created anew under the
// name of an earlier one does not have the earlier one's UID: its author does not write the annotation.
func (m *Member) Is(uid string) bool {
	return uid != "" && (uid == string(m.UID) || slices.Contains(m.UIDs(), uid))
}

// UIDs returns the UIDs that the Member's metadata says it has or had, the latest first.
func (m *Member) UIDs() []string {
	return strings.FieldsFunc(m.Annotations[MemberUIDAnnotation], func(r rune) bool { return r == ',' })
}

// MarkedUIDs is what MemberUIDAnnotation says once the present UID is the latest. The earlier ones stay: credentials and manifests from
// before a restore may have them, and the Member departs with all of them.
func (m *Member) MarkedUIDs() string {
	earlier := slices.DeleteFunc(m.UIDs(), func(uid string) bool { return uid == string(m.UID) })
	return strings.Join(append([]string{string(m.UID)}, earlier[:min(len(earlier), maxUIDs-1)]...), ",")
}

// IsCopy reports whether the Member's metadata is that of a member that was deleted, from a manifest that was copied from the cluster.
// Metadata that names no UID tells nothing, and is none of a member's either.
func (m *Member) IsCopy(of *Account) bool {
	uids := m.UIDs()
	return len(uids) == 0 || !slices.Contains(uids, string(m.UID)) && slices.ContainsFunc(uids, of.Remembers)
}
