// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"slices"
	"strings"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/plan"
)

// maxNamed is how many members a warning names.
const maxNamed = 5

// Plan warns of what another plan or other add-ons mean for those who are there. It refuses nothing: roles and plan change in some
// order, and in between one does not know the other. members and pools are all of the account.
func Plan(before, after plan.Terms, members []usherv1.Member, pools []usherv1.SeatPool, account string, now time.Time) (warnings []string) {
	if _, problem := after.Fault(); problem != "" {
		warnings = append(warnings, problem)
	}
	if after.Problem != "" {
		return warnings
	}
	var misfits []string
	var why string
	for i := range members {
		m := &members[i]
		if a := after.Assign(m, m.Status.AcceptedAt != nil, false); a.Problem != "" && m.DeletionTimestamp == nil {
			misfits, why = append(misfits, m.Name), a.Problem
		}
	}
	if len(misfits) > 0 {
		warnings = append(warnings, fmt.Sprintf("%d members have no access until their spec fits the plan (%s): %s", len(misfits), some(misfits), why))
	}
	if slices.ContainsFunc(members, func(m usherv1.Member) bool { return administers(&m, account, before, now) }) &&
		!slices.ContainsFunc(members, func(m usherv1.Member) bool { return remains(&m, account, after, now) }) {
		warnings = append(warnings, fmt.Sprintf("Nobody of Account %s is an Active admin by the new plan; give a member one of its admin roles", account))
	}
	for i := range pools {
		if warning := overdrawn(&pools[i], pools, after); warning != "" {
			warnings = append(warnings, warning)
		}
	}
	return warnings
}

// remains tells whether a member who is Active now is an admin by other terms.
func remains(m *usherv1.Member, account string, terms plan.Terms, now time.Time) bool {
	next := m.DeepCopy()
	assigned := terms.Assign(m, true, false)
	next.Status.Role = assigned.Role
	return assigned.Problem == "" && administers(next, account, terms, now)
}

func some(names []string) string {
	if len(names) > maxNamed {
		return strings.Join(names[:maxNamed], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}
