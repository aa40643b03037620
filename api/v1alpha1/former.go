// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "slices"

// Remembers reports whether the account's status lists a deleted member with this UID. A nil Account remembers no one.
func (a *Account) Remembers(uid string) bool {
	return a != nil && uid != "" && (slices.ContainsFunc(a.Status.Departures, func(d Departure) bool { return d.UID == uid }) ||
		slices.ContainsFunc(a.Status.FormerMembers, func(f FormerMember) bool { return f.UID == uid }))
}
