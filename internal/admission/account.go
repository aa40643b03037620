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

// Plan warns of the effects of another plan or other add-ons on the account's members and pools. It refuses nothing:
// roles and plan change one after the other, and in between they do not match. members and pools are all of the
// account.
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
		if a := after.Assign(m, m.Status.AcceptedAt != nil, plan.Recorded(m.Annotations)); a.Problem != "" && m.DeletionTimestamp == nil {
			misfits, why = append(misfits, m.Name), a.Problem
		}
	}
	if len(misfits) > 0 {
		warnings = append(
			warnings,
			fmt.Sprintf("%d members have no access until their spec fits the plan (%s): %s", len(misfits), some(misfits), why),
		)
	}
	if slices.ContainsFunc(members, func(m usherv1.Member) bool { return administers(&m, account, before, now) }) &&
		!slices.ContainsFunc(members, func(m usherv1.Member) bool { return remains(&m, account, after, now) }) {
		warnings = append(
			warnings,
			fmt.Sprintf("No member of Account %s is an Active admin under the new plan; give a member one of its admin roles", account),
		)
	}
	for i := range pools {
		if warning := overdrawn(&pools[i], pools, after); warning != "" {
			warnings = append(warnings, warning)
		}
	}
	return warnings
}

// remains reports whether a member who is Active now is an admin under other terms.
func remains(m *usherv1.Member, account string, terms plan.Terms, now time.Time) bool {
	next := m.DeepCopy()
	assigned := terms.Assign(m, true, plan.Recorded(m.Annotations))
	next.Status.Role = assigned.Role
	return assigned.Problem == "" && administers(next, account, terms, now)
}

func some(names []string) string {
	if len(names) > maxNamed {
		return strings.Join(names[:maxNamed], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}
