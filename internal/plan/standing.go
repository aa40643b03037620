// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Standing is a Member's place among the members of its account. First and Later are decided once and recorded, in the metadata of the
// credentials Secret and of the Member: statuses, UIDs and creation times do not survive a restore.
type Standing int

const (
	// Junior: nothing is recorded, and another member came before.
	Junior Standing = iota
	// Eldest: nothing is recorded, and no other member came before.
	Eldest
	// First: the member is the account's first one.
	First
	// Later: the member is not the account's first one, also if it becomes the oldest.
	Later
)

// Recorded is the standing that metadata records; Junior if it records none.
func Recorded(annotations map[string]string) Standing {
	switch annotations[usherv1.FirstMemberAnnotation] {
	case "true":
		return First
	case "false":
		return Later
	}
	return Junior
}

// Record has metadata record a standing, if it is First or Later.
func Record(annotations map[string]string, standing Standing) {
	switch standing {
	case First:
		annotations[usherv1.FirstMemberAnnotation] = "true"
	case Later:
		annotations[usherv1.FirstMemberAnnotation] = "false"
	}
}

// FirstMemberMatters reports whether the terms give the account's first member another role than the rest.
func (t Terms) FirstMemberMatters() bool {
	return t.spec.OwnerRole != "" && t.spec.OwnerRole != t.spec.DefaultRole
}

// Settle decides a standing that is not recorded yet. A member whose spec names no role keeps the role that its status says: so no member
// becomes an admin because an older one left, or stops being one because another joined. The owner's role may have come from an earlier
// spec, so it counts only until the spec changes.
func (t Terms) Settle(m *usherv1.Member, standing Standing) Standing {
	if standing == First || standing == Later {
		return standing
	}
	if m.Spec.Role == "" {
		switch {
		case m.Status.ActivatedAt != nil && m.Status.Role == t.spec.DefaultRole:
			return Later
		case m.Status.ActivatedAt != nil && m.Status.Role == t.spec.OwnerRole && m.Status.ObservedGeneration == m.Generation:
			return First
		}
	}
	if standing == Eldest {
		return First
	}
	return Later
}

// CameBefore reports whether other joined the account before m: it is recorded as the first member, or it was created earlier, or within
// the same second and its name sorts first. Members that are being deleted do not count.
func CameBefore(other, m *usherv1.Member) bool {
	if other.UID == m.UID || other.DeletionTimestamp != nil || other.Spec.AccountRef.Name != m.Spec.AccountRef.Name {
		return false
	}
	if a, b := Recorded(other.Annotations) == First, Recorded(m.Annotations) == First; a != b {
		return a
	}
	if !other.CreationTimestamp.Equal(&m.CreationTimestamp) {
		return other.CreationTimestamp.Before(&m.CreationTimestamp)
	}
	return other.Name < m.Name
}
