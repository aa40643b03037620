// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/plan"
)

// setNoAdmin sets the NoAdmin condition while an account has lost its last Active admin in spite of admission. led reports that the account
// had an owner. A Disabled account, and one that is being deleted, has no Active member on purpose, and without its plan it is not known
// which member is an admin.
func setNoAdmin(w conditions.Writer, o AccountObservation, terms plan.Terms, led bool) {
	if terms.Problem != "" {
		return
	}
	hadAdmin := slices.ContainsFunc(o.Members, func(m usherv1.Member) bool {
		return m.Status.ActivatedAt != nil && terms.Admin(m.Status.Role)
	})
	led = led || hadAdmin || meta.IsStatusConditionTrue(*w.List, usherv1.ConditionNoAdmin)
	open := o.Account.DeletionTimestamp == nil && o.Account.Spec.State != usherv1.StateDisabled
	if led && open && !slices.ContainsFunc(o.Members, func(m usherv1.Member) bool {
		return m.Status.State == usherv1.ObservedActive && m.DeletionTimestamp == nil && terms.Admin(m.Status.Role)
	}) {
		w.Set(usherv1.ConditionNoAdmin, true, usherv1.ReasonLastAdminLost,
			"No member of the account is an Active admin any more; give one an admin role, or enable one that has it")
		return
	}
	meta.RemoveStatusCondition(w.List, usherv1.ConditionNoAdmin)
}
