// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/access"
)

// checkNamed: a member that a binding names is Active, or still has the seat that it was Active with, at every revision. It is named by an
// address that it has proven.
func (w *world) checkNamed() {
	for _, o := range w.api.tables[bindings] {
		for _, s := range o.(*rbacv1.RoleBinding).Subjects {
			if !w.seatedAs(s.Name) {
				w.violated("access-before-seat", "binding %s names %s, who has neither access nor a seat to give back", o.GetName(), s.Name)
			}
		}
	}
	w.checkPasswords()
}

// seatedAs reports whether a member that has or had an address in use has a base seat.
func (w *world) seatedAs(address string) bool {
	address = usherv1.EmailAddress(address).Key()
	if len(w.pastFacts.addresses[address]) == 0 {
		w.violated("proven", "there is access for %s, and no member has ever accepted at the address or confirmed it", address)
	}
	for uid := range w.pastFacts.addresses[address] {
		if w.pastFacts.adrift[uid] {
			return true
		}
	}
	for _, o := range w.api.tables[members] {
		if m := o.(*usherv1.Member); w.pastFacts.addresses[address][m.UID] && holdsBase(m) {
			return true
		}
	}
	return false
}

// checkAccessAtRest: the roles and bindings are those of the account's Active members, and no others.
func (w *world) checkAccessAtRest() {
	var wanted access.Projection
	if a := w.living(); a != nil {
		wanted = access.Project(access.Observation{
			Account: a, Terms: w.terms(),
			Members:  collect[usherv1.Member](w.api.tables[members], everything, false),
			Bindings: collect[rbacv1.RoleBinding](w.api.tables[bindings], everything, false),
		})
	}
	if n, m := len(w.api.tables[bindings]), len(wanted.Bindings); n != m {
		w.violated("converged", "there are %d bindings; should be %d", n, m)
	}
	if n, m := len(w.api.tables[roles]), len(wanted.Roles); n != m {
		w.violated("converged", "there are %d roles; should be %d", n, m)
	}
	for i := range wanted.Bindings {
		b, _ := w.api.get(bindings, named(wanted.Bindings[i].Name)).(*rbacv1.RoleBinding)
		if b == nil || !access.Holds(b, &wanted.Bindings[i]) {
			w.violated("converged", "binding %s is %v; should be %v", wanted.Bindings[i].Name, b, wanted.Bindings[i].Subjects)
		}
	}
}

// checkAdminsAtRest: NoAdmin is True exactly if the account has lost its last Active admin.
func (w *world) checkAdminsAtRest() {
	a, terms := w.living(), w.terms()
	if a == nil || terms.Problem != "" {
		return
	}
	admins, led := 0, a.Status.Owner != nil
	for _, o := range w.api.tables[members] {
		if m := o.(*usherv1.Member); terms.Admin(m.Status.Role) {
			led = led || m.Status.ActivatedAt != nil
			if m.Status.State == usherv1.ObservedActive && m.DeletionTimestamp == nil {
				admins++
			}
		}
	}
	lost, closed := conditionTrue(a.Status.Conditions, usherv1.ConditionNoAdmin), a.Spec.State == usherv1.StateDisabled
	if lost && (admins > 0 || closed) || !lost && admins == 0 && led && !closed {
		w.violated("converged", "the account has %d Active admins, and that it has lost its last is said: %t", admins, lost)
	}
}

func everything(client.Object) bool { return true }
