// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"slices"
	"strings"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// maxFormer is how many deleted members an account remembers.
const maxFormer = 50

// Remember returns former with those members that are being deleted: the latest 50, the latest first.
func Remember(former []usherv1.FormerMember, members []usherv1.Member) []usherv1.FormerMember {
	list := slices.Clone(former)
	for i := range members {
		m := &members[i]
		if m.DeletionTimestamp == nil || knows(list, string(m.UID)) {
			continue
		}
		list = append(list, formerOf(m))
	}
	slices.SortStableFunc(list, func(a, b usherv1.FormerMember) int {
		if c := b.DeletedAt.Compare(a.DeletedAt.Time); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list[:min(len(list), maxFormer)]
}

func formerOf(m *usherv1.Member) usherv1.FormerMember {
	role := m.Status.Role
	if role == "" {
		role = m.Spec.Role
	}
	return usherv1.FormerMember{Name: m.Name, UID: string(m.UID), Email: string(m.Spec.Email), Role: role, DeletedAt: *m.DeletionTimestamp}
}

// remembered tells whether the account has done with a Member that is being deleted: it knows it, or has 50 to remember that
// went later, or is gone itself.
func remembered(o Observation) bool {
	if o.Account == nil || o.Account.DeletionTimestamp != nil {
		return true
	}
	former := o.Account.Status.FormerMembers
	return slices.EqualFunc(former, Remember(former, []usherv1.Member{*o.Member}), func(a, b usherv1.FormerMember) bool { return a.UID == b.UID })
}

// Remembers tells whether the account knows of a deleted member with that UID.
func Remembers(a *usherv1.Account, uid string) bool {
	return a != nil && uid != "" && knows(a.Status.FormerMembers, uid)
}

func knows(former []usherv1.FormerMember, uid string) bool {
	return slices.ContainsFunc(former, func(f usherv1.FormerMember) bool { return f.UID == uid })
}
