// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"cmp"
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/labels"
	"github.com/usher-dev/usher/internal/plan"
)

// AccountAdminRole is the ClusterRole of those who manage an account's members: config/rbac has it.
const AccountAdminRole = "usher-account-admin"

// Observation is everything that an account's roles and bindings depend on.
type Observation struct {
	Account *usherv1.Account
	Terms   plan.Terms
	// Members of the account.
	Members []usherv1.Member
	// Bindings that Usher made for the account.
	Bindings []rbacv1.RoleBinding
	// UserPrefix comes before the address in a subject's name.
	UserPrefix string
	// Unreadable: the account or its plan cannot be decoded, so that it is not known what its members may do. None gets more.
	Unreadable bool
}

// Projection is the roles and bindings that an account should have.
type Projection struct {
	Roles    []rbacv1.Role
	Bindings []rbacv1.RoleBinding
	// Added are the members, by name, that have to be added to a binding.
	Added []string
	// Removed are the users that have to be removed from a binding.
	Removed []string
}

// Entitled reports whether a Member keeps its access, and whether it can be given access. If its status is not about its present spec
// yet, it is given none, but keeps what it has under its present address.
func Entitled(m *usherv1.Member) (keeps, gains bool) {
	keeps = m.DeletionTimestamp == nil && m.Spec.State != usherv1.StateDisabled && m.Status.State == usherv1.ObservedActive
	return keeps, keeps && m.Status.ObservedGeneration == m.Generation
}

// closed reports whether no member of the account has access, whatever its state.
func (o Observation) closed() bool {
	return o.Account.Spec.State == usherv1.StateDisabled || o.Terms.Problem != ""
}

// grant is one role reference and the members that have it.
type grant struct {
	stem    string
	ref     rbacv1.RoleRef
	members []*usherv1.Member
}

// Project returns the roles and bindings of an account. A disabled account has none.
func Project(o Observation) Projection {
	var p Projection
	if o.closed() {
		p.Removed = removed(o.Bindings, nil)
		return p
	}
	byRole, byRight := map[string][]*usherv1.Member{}, map[usherv1.Right][]*usherv1.Member{}
	for i := range o.Members {
		m := &o.Members[i]
		if keeps, _ := Entitled(m); !keeps {
			continue
		}
		role := m.Status.Role
		byRole[role] = append(byRole[role], m)
		included := o.Terms.RightsOf(role)
		for _, right := range m.Status.Rights {
			if !slices.Contains(included, right) {
				byRight[right] = append(byRight[right], m)
			}
		}
	}
	var grants []grant
	own := func(slug, what string, rights []usherv1.Right, members []*usherv1.Member) {
		stem := o.stem(slug, what)
		p.Roles = append(p.Roles, rbacv1.Role{ObjectMeta: o.meta(stem), Rules: Rules(rights)})
		grants = append(grants, grant{stem, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: stem}, members})
	}
	shared := func(role, clusterRole string, members []*usherv1.Member) {
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: clusterRole}
		grants = append(grants, grant{stem: o.stem(role, "role/"+role+"/"+clusterRole), ref: ref, members: members})
	}
	for name, members := range byRole {
		role, found := o.Terms.Role(name)
		if !found {
			continue
		}
		if rights := o.Terms.RightsOf(name); len(rights) > 0 {
			own(name, "rights/"+name, rights, members)
		}
		for _, clusterRole := range role.ClusterRoles {
			shared(name, clusterRole, members)
		}
		if ptr.Deref(role.AccountAdmin, false) && !slices.Contains(role.ClusterRoles, AccountAdminRole) {
			shared(name, AccountAdminRole, members)
		}
	}
	for right, members := range byRight {
		own("right", "right/"+string(right), []usherv1.Right{right}, members)
	}
	marks := marksOf(o.Members)
	for _, g := range grants {
		p.bind(o, g, marks)
	}
	slices.SortFunc(p.Roles, func(a, b rbacv1.Role) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(p.Bindings, func(a, b rbacv1.RoleBinding) int { return cmp.Compare(a.Name, b.Name) })
	slices.Sort(p.Added)
	p.Added = slices.Compact(p.Added)
	p.Removed = removed(o.Bindings, p.Bindings)
	return p
}

// longestSlug leaves room for the rest in a name of 253 characters.
const longestSlug = 80

// stem returns the beginning of the names of one grant's objects: a readable part, and a hash of what it is.
func (o Observation) stem(slug, what string) string {
	account := o.Account.Name
	return fmt.Sprintf("usher-%s-%s-%s", labels.Cut(account, longestSlug), slug, labels.Hash(account, what))
}

func (o Observation) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: o.Account.Namespace, Name: name,
		Labels:          map[string]string{usherv1.AccountLabel: labels.Value(o.Account.Name), labels.ManagedBy: labels.Usher},
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(o.Account, usherv1.GroupVersion.WithKind("Account"))},
	}
}

// AccountOf returns the name of the Account that Usher made an object for; empty if Usher did not make it.
func AccountOf(object metav1.Object) string {
	owner := metav1.GetControllerOf(object)
	if owner == nil || owner.Kind != "Account" || owner.APIVersion != usherv1.GroupVersion.String() {
		return ""
	}
	marks := object.GetLabels()
	if marks[labels.ManagedBy] != labels.Usher || marks[usherv1.AccountLabel] != labels.Value(owner.Name) {
		return ""
	}
	return owner.Name
}

// Stripped reports whether Usher made an object for the Account although AccountOf does not find that out: a user removed its labels or its
// owner.
func Stripped(object metav1.Object, account *usherv1.Account) bool {
	if AccountOf(object) != "" {
		return false
	}
	marks := object.GetLabels()
	labelled := marks[labels.ManagedBy] == labels.Usher && marks[usherv1.AccountLabel] == labels.Value(account.Name)
	return metav1.IsControlledBy(object, account) || labelled && metav1.GetControllerOf(object) == nil
}
