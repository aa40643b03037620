// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"testing"

	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Where the plan cannot be read, who keeps access keeps it, and a group that is no member stays.
func TestWithholdTakesAccessOnlyFromThoseWhoKeepNone(t *testing.T) {
	active := func(name string) usherv1.Member {
		m := usherv1.Member{Spec: usherv1.MemberSpec{Email: usherv1.EmailAddress(name + "@acme.example"), State: usherv1.StateActive}}
		m.Status.State, m.Status.ObservedGeneration = usherv1.ObservedActive, -1
		return m
	}
	disabled := active("bob")
	disabled.Spec.State = usherv1.StateDisabled
	user := func(name string) rbacv1.Subject {
		return rbacv1.Subject{Kind: rbacv1.UserKind, Name: "oidc:" + name + "@acme.example"}
	}
	group := rbacv1.Subject{Kind: rbacv1.GroupKind, Name: "vendor:agents"}
	o := Observation{
		Account: &usherv1.Account{}, Members: []usherv1.Member{active("ada"), disabled}, UserPrefix: "oidc:",
		Bindings: []rbacv1.RoleBinding{{Subjects: []rbacv1.Subject{user("ada"), user("bob"), user("gone"), group}}},
	}
	g := NewWithT(t)
	p := Withhold(o)
	g.Expect(p.Bindings[0].Subjects).To(Equal([]rbacv1.Subject{user("ada"), group}))
	g.Expect(p.Removed).To(Equal([]string{"oidc:bob@acme.example", "oidc:gone@acme.example"}))
	g.Expect(o.Bindings[0].Subjects).To(HaveLen(4), "the observation stays as it is")

	o.Account.Spec.State = usherv1.StateDisabled
	g.Expect(Withhold(o).Bindings[0].Subjects).To(Equal([]rbacv1.Subject{group}))
}
