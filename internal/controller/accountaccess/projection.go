// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package accountaccess

import (
	"context"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/access"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

// manyMembers is from how many members on one live list is cheaper than live reads one by one.
const manyMembers = 20

// projection makes one account's roles, bindings and password file what they should be. A member that is added is read live first,
// and after the binding that it is added to: see package access.
type projection struct {
	reconciler.Base
	observed access.Observation
	roles    []rbacv1.Role
	// known are the hashes that were read before.
	known hashCache
	// signer checks acceptances; nil if the keys cannot be read.
	signer   *credentials.Signer
	problems problems
}

func (p *projection) settle(ctx context.Context) error {
	if err := p.load(ctx); err != nil {
		return err
	}
	wanted := access.Project(p.observed)
	if len(wanted.Removed) > 0 {
		if err := p.confirm(ctx, wanted.Removed); err != nil {
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

// withhold takes access from those who keep none, and changes nothing else.
func (p *projection) withhold(ctx context.Context) error {
	if err := p.load(ctx); err != nil {
		return err
	}
	wanted := access.Withhold(p.observed)
	if len(wanted.Removed) > 0 {
		if err := p.confirm(ctx, wanted.Removed); err != nil {
			return err
		}
		wanted = access.Withhold(p.observed)
	}
	if err := p.settleBindings(ctx, wanted.Bindings); err != nil {
		return err
	}
	return p.withholdPasswords(ctx)
}

// load reads the account's roles and bindings.
func (p *projection) load(ctx context.Context) error {
	account := p.observed.Account
	var err error
	if p.observed.Bindings, err = store.Bindings(ctx, p.Client, account.Namespace, account.Name); err != nil {
		return err
	}
	p.roles, err = store.Roles(ctx, p.Client, account.Namespace, account.Name)
	return err
}

// confirm reads live what the removal of users from bindings is based on: an old cache must not take anyone's access.
func (p *projection) confirm(ctx context.Context, users []string) error {
	account, get := &usherv1.Account{}, store.Get
	if p.observed.Unreadable {
		get = store.GetReadable
	}
	if found, err := get(ctx, p.Live, p.observed.Account.Namespace, p.observed.Account.Name, account); err != nil || !found {
		return err
	}
	p.observed.Account = account
	if !p.observed.Unreadable {
		of, err := store.Plan(ctx, p.Live, account)
		if err != nil {
			return err
		}
		p.observed.Terms = plan.For(account, of)
	}
	var names []string
	for _, user := range users {
		known := false
		for i := range p.observed.Members {
			if m := &p.observed.Members[i]; slices.Contains(p.observed.Users(m), user) {
				names, known = append(names, m.Name), true
			}
		}
		if !known {
			return p.refreshAll(ctx) // a member that is new to the cache, or has another address by now
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
		found, err := store.GetReadable(ctx, p.Live, p.observed.Account.Namespace, name, &fresh)
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

func (p *projection) refreshAll(ctx context.Context) (err error) {
	p.observed.Members, err = store.Members(ctx, p.Live, p.observed.Account.Namespace, store.ByAccount, p.observed.Account.Name)
	return err
}

// mayCreate reports whether an object can be created: its account is not being deleted, which would delete the object in turn, and no
// object that Usher did not make has its name. If another object of Usher's has the name, the cache is old, or the object has lost what
// Usher knows its own objects by; then it is deleted, to be made again.
func (p *projection) mayCreate(ctx context.Context, kind string, wanted, present client.Object) (bool, error) {
	account, err := store.Account(ctx, p.Live, wanted.GetNamespace(), p.observed.Account.Name)
	if err != nil || account == nil {
		return false, err
	}
	found, err := store.Get(ctx, p.Live, wanted.GetNamespace(), wanted.GetName(), present)
	if err != nil || !found {
		return err == nil, err
	}
	if access.Stripped(present, p.observed.Account) {
		err := store.DeleteAsRead(ctx, p.Client, present)
		return err == nil, err
	}
	if access.AccountOf(present) == p.observed.Account.Name {
		return false, apierrors.NewAlreadyExists(rbacv1.Resource(kind), wanted.GetName())
	}
	p.problems.foreign.add(kind + " " + wanted.GetName())
	return false, nil
}
