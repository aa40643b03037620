// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"cmp"
	"slices"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// maxFormer is how many deletions an account remembers, and of how many it may remember the member's name and address.
const maxFormer = 50

// Remember returns the account's former members with the members that are being deleted: the latest first, as many as the account retains.
func Remember(account *usherv1.Account, members []usherv1.Member) []usherv1.FormerMember {
	list := slices.Clone(account.Status.FormerMembers)
	for i := range members {
		m := &members[i]
		if m.DeletionTimestamp != nil && !slices.ContainsFunc(list, func(f usherv1.FormerMember) bool { return f.UID == string(m.UID) }) {
			list = append(list, formerOf(m))
		}
	}
	slices.SortStableFunc(list, func(a, b usherv1.FormerMember) int {
		return cmp.Or(b.DeletedAt.Compare(a.DeletedAt.Time), cmp.Compare(a.Name, b.Name))
	})
	retained := maxFormer
	if n := account.Spec.RetainFormerMembers; n != nil {
		retained = min(retained, int(*n))
	}
	return list[:min(len(list), retained)]
}

func formerOf(m *usherv1.Member) usherv1.FormerMember {
	role := m.Status.Role
	if role == "" {
		role = m.Spec.Role
	}
	return usherv1.FormerMember{
		Name: m.Name, UID: string(m.UID), Email: cmp.Or(m.Status.Email, string(m.Spec.Email)), Role: role, DeletedAt: *m.DeletionTimestamp,
	}
}

// Depart returns the account's departures with the members that are being deleted: the latest 50, the latest first. A member that was
// restored departs with all its UIDs: credentials and manifests from before its deletion may have the earlier one.
func Depart(account *usherv1.Account, members []usherv1.Member) []usherv1.Departure {
	list := slices.Clone(account.Status.Departures)
	add := func(d usherv1.Departure) {
		if d.UID != "" && !knows(list, d.UID) {
			list = append(list, d)
		}
	}
	for _, f := range account.Status.FormerMembers {
		add(usherv1.Departure{UID: f.UID, DeletedAt: f.DeletedAt})
	}
	for i := range members {
		if m := &members[i]; m.DeletionTimestamp != nil {
			add(usherv1.Departure{UID: string(m.UID), DeletedAt: *m.DeletionTimestamp})
			for _, uid := range m.UIDs() {
				add(usherv1.Departure{UID: uid, DeletedAt: *m.DeletionTimestamp})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b usherv1.Departure) int {
		return cmp.Or(b.DeletedAt.Compare(a.DeletedAt.Time), cmp.Compare(a.UID, b.UID))
	})
	return list[:min(len(list), maxFormer)]
}

// remembered reports whether the account has recorded a Member that is being deleted, or need not: it has 50 later departures, or no longer
// exists itself.
func remembered(o Observation) bool {
	if o.Account == nil || o.Account.DeletionTimestamp != nil {
		return true
	}
	return slices.EqualFunc(o.Account.Status.Departures, Depart(o.Account, []usherv1.Member{*o.Member}),
		func(a, b usherv1.Departure) bool { return a.UID == b.UID })
}

func knows(departures []usherv1.Departure, uid string) bool {
	return slices.ContainsFunc(departures, func(d usherv1.Departure) bool { return d.UID == uid })
}
