// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/access"
	"github.com/usher-dev/usher/internal/labels"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/plan"
)

// accessPause is when an account whose access could not be brought about is tried again: nobody tells of a permission that was given.
const accessPause = time.Minute

// manyMembers are read by one list, fewer one by one.
const manyMembers = 20

// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=roles;rolebindings,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=clusterroles,verbs=bind,resourceNames=usher-account-admin
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=roles,verbs=escalate;bind
// +kubebuilder:rbac:groups=usher.dev,resources=accounts/finalizers,verbs=update

// projection brings one account's roles, bindings and password file about.
type projection struct {
	*AccountReconciler
	observed access.Observation
	roles    []rbacv1.Role
	complaints
}

// project makes the account's roles, bindings and password file what they are to be. Whoever is added is read live first, and after
// what they are added to: see package access.
func (r *AccountReconciler) project(ctx context.Context, account *usherv1.Account, tier *usherv1.Plan, members []usherv1.Member) (membership.AccessVerdict, error) {
	p := projection{AccountReconciler: r, observed: access.Observation{
		Account: account, Terms: plan.For(account, tier), Members: slices.Clone(members), UserPrefix: r.UserPrefix,
	}}
	err := p.settle(ctx)
	return p.verdict(), err
}

func (p *projection) settle(ctx context.Context) error {
	if err := p.load(ctx); err != nil {
		return err
	}
	wanted := access.Project(p.observed)
	if len(wanted.Removed) > 0 {
		if err := p.doubt(ctx, wanted.Removed); err != nil {
			return err
		}
		wanted = access.Project(p.observed)
	}
	missing, err := p.ensureRoles(ctx, wanted.Roles)
	if err != nil {
		return err
	}
	if err := p.makeBindings(ctx, without(wanted.Bindings, missing)); err != nil {
		return err
	}
	if len(wanted.Added) > 0 {
		if err := p.refresh(ctx, wanted.Added); err != nil {
			return err
		}
		wanted = access.Project(p.observed)
	}
	if err := p.settleBindings(ctx, without(wanted.Bindings, missing)); err != nil {
		return err
	}
	if err := p.dropRoles(ctx, wanted.Roles); err != nil {
		return err
	}
	return p.settlePasswords(ctx)
}

// load reads the account's roles and bindings.
func (p *projection) load(ctx context.Context) error {
	account := p.observed.Account
	var err error
	if p.observed.Bindings, err = bindingsOf(ctx, p.Client, account.Namespace, account.Name); err != nil {
		return err
	}
	p.roles, err = rolesOf(ctx, p.Client, account.Namespace, account.Name)
	return err
}

// doubt reads live on whose word users are about to be taken out of bindings: an old cache takes nobody's access.
func (p *projection) doubt(ctx context.Context, users []string) error {
	account, err := getAccount(ctx, p.Live, p.observed.Account.Namespace, p.observed.Account.Name)
	if err != nil || account == nil {
		return err
	}
	tier, err := planOf(ctx, p.Live, account)
	if err != nil {
		return err
	}
	p.observed.Account, p.observed.Terms = account, plan.For(account, tier)
	var names []string
	for _, user := range users {
		known := false
		for i := range p.observed.Members {
			if m := &p.observed.Members[i]; p.UserPrefix+string(m.Spec.Email) == user {
				names, known = append(names, m.Name), true
			}
		}
		if !known {
			return p.refreshAll(ctx) // somebody who is new to the cache, or has another address by now
		}
	}
	return p.refresh(ctx, names)
}

// refresh reads members live.
func (p *projection) refresh(ctx context.Context, names []string) error {
	if len(names) > manyMembers {
		return p.refreshAll(ctx)
	}
	for _, name := range names {
		fresh := usherv1.Member{}
		found, err := get(ctx, p.Live, p.observed.Account.Namespace, name, &fresh)
		if err != nil {
			return err
		}
		p.observed.Members = slices.DeleteFunc(p.observed.Members, func(m usherv1.Member) bool { return m.Name == name })
		if found {
			p.observed.Members = append(p.observed.Members, fresh)
		}
	}
	return nil
}

func (p *projection) refreshAll(ctx context.Context) error {
	var all usherv1.MemberList
	of := client.MatchingFields{indexAccount: p.observed.Account.Name}
	if err := p.Live.List(ctx, &all, client.InNamespace(p.observed.Account.Namespace), of); err != nil {
		return err
	}
	p.observed.Members = all.Items
	return nil
}

// taken tells whether the name of an object that is to be made is that of one that is not Usher's. Otherwise the cache is behind, or
// somebody took from it what it is known by; then it is made anew.
func (p *projection) taken(ctx context.Context, kind string, wanted, present client.Object) (bool, error) {
	found, err := get(ctx, p.Live, wanted.GetNamespace(), wanted.GetName(), present)
	if err != nil || !found {
		return false, err
	}
	if access.Stripped(present, p.observed.Account) {
		return false, p.discard(ctx, present)
	}
	if access.AccountOf(present) == p.observed.Account.Name {
		return false, apierrors.NewAlreadyExists(rbacv1.Resource(kind), wanted.GetName())
	}
	p.foreign.add(kind + " " + wanted.GetName())
	return true, nil
}

// bindingsOf are the bindings that Usher made for an account.
func bindingsOf(ctx context.Context, reader client.Reader, namespace, account string) ([]rbacv1.RoleBinding, error) {
	var list rbacv1.RoleBindingList
	if err := reader.List(ctx, &list, madeFor(namespace, account)...); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(list.Items), func(b rbacv1.RoleBinding) bool { return access.AccountOf(&b) != account }), nil
}

// rolesOf are the roles that Usher made for an account.
func rolesOf(ctx context.Context, reader client.Reader, namespace, account string) ([]rbacv1.Role, error) {
	var list rbacv1.RoleList
	if err := reader.List(ctx, &list, madeFor(namespace, account)...); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(list.Items), func(r rbacv1.Role) bool { return access.AccountOf(&r) != account }), nil
}

func madeFor(namespace, account string) []client.ListOption {
	return append(listed(namespace, nil), client.MatchingLabels{usherv1.AccountLabel: labels.Value(account), labels.ManagedBy: labels.Usher})
}

// withdraw deletes all that was made for an account that is not there.
func (r *AccountReconciler) withdraw(ctx context.Context, namespace, name string) error {
	if there, err := getAccount(ctx, r.Live, namespace, name); err != nil || there != nil {
		return err
	}
	bindings, err := bindingsOf(ctx, r.Client, namespace, name)
	if err != nil {
		return err
	}
	for i := range bindings {
		if err := r.discard(ctx, &bindings[i]); err != nil {
			return err
		}
	}
	roles, err := rolesOf(ctx, r.Client, namespace, name)
	if err != nil {
		return err
	}
	for i := range roles {
		if err := r.discard(ctx, &roles[i]); err != nil {
			return err
		}
	}
	return r.dropPasswords(ctx, namespace, name, "")
}

// discard deletes an object as it was read.
func (r *AccountReconciler) discard(ctx context.Context, object client.Object) error {
	uid, version := object.GetUID(), object.GetResourceVersion()
	return client.IgnoreNotFound(r.Client.Delete(ctx, object, client.Preconditions{UID: &uid, ResourceVersion: &version}))
}

// accountOfAccess is whose role or binding was touched.
func accountOfAccess(_ context.Context, before, after client.Object) []types.NamespacedName {
	var keys []types.NamespacedName
	for _, o := range []client.Object{before, after} {
		if o == nil {
			continue
		}
		key := types.NamespacedName{Namespace: o.GetNamespace(), Name: access.AccountOf(o)}
		if key.Name != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// withdrawnFrom are the members whom a binding or a password file has newly marked: they wait to give their seats back.
func (w Watches) withdrawnFrom(ctx context.Context, before, after client.Object) []types.NamespacedName {
	var keys []types.NamespacedName
	is := either(before, after)
	for _, mark := range access.Marked(is) {
		if before == nil || after == nil || !slices.Contains(access.Marked(before), mark) {
			keys = append(keys, w.members(ctx, is.GetNamespace(), indexUID, access.MemberOf(mark), nil)...)
		}
	}
	return keys
}
