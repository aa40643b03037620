// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/usher-dev/usher/internal/access"
)

// ensureRoles makes and changes the account's own roles, and returns the names of those that it could not.
func (p *projection) ensureRoles(ctx context.Context, wanted []rbacv1.Role) (missing []string, err error) {
	for i := range wanted {
		role := &wanted[i]
		j := slices.IndexFunc(p.roles, func(r rbacv1.Role) bool { return r.Name == role.Name })
		var present *rbacv1.Role
		if j >= 0 {
			present = &p.roles[j]
		}
		there, err := p.ensureRole(ctx, role, present)
		if apierrors.IsForbidden(err) {
			p.unwritable.add(role.Name)
			err = nil
		}
		if err != nil {
			return nil, err
		}
		if !there {
			missing = append(missing, role.Name)
		}
	}
	return missing, nil
}

// ensureRole makes or changes one role, unless somebody else's has its name; present is nil if there is none.
func (p *projection) ensureRole(ctx context.Context, role, present *rbacv1.Role) (there bool, err error) {
	if present == nil {
		if taken, err := p.taken(ctx, "Role", role, &rbacv1.Role{}); taken || err != nil {
			return false, err
		}
		err := p.Client.Create(ctx, role.DeepCopy())
		return err == nil, err
	}
	if access.HoldsRole(present, role) {
		return true, nil
	}
	next := role.DeepCopy()
	next.ResourceVersion = present.ResourceVersion
	err = p.Client.Update(ctx, next)
	return err == nil, err
}

// without leaves out the bindings to roles that could not be made or changed: nobody gets what somebody else wrote into them, or
// what they are not to give any more.
func without(bindings []rbacv1.RoleBinding, missing []string) []rbacv1.RoleBinding {
	return slices.DeleteFunc(slices.Clone(bindings), func(b rbacv1.RoleBinding) bool {
		return b.RoleRef.Kind == "Role" && slices.Contains(missing, b.RoleRef.Name)
	})
}

// makeBindings makes those that are not there yet, without subjects.
func (p *projection) makeBindings(ctx context.Context, wanted []rbacv1.RoleBinding) error {
	for i := range wanted {
		if p.binding(wanted[i].Name) != nil {
			continue
		}
		made := wanted[i].DeepCopy()
		made.Subjects = nil
		if taken, err := p.taken(ctx, "RoleBinding", made, &rbacv1.RoleBinding{}); err != nil {
			return err
		} else if taken {
			continue
		}
		switch err := p.Client.Create(ctx, made); {
		case unbindable(err, made.RoleRef):
			p.unbindable.add(made.RoleRef.Kind + " " + made.RoleRef.Name)
		case err != nil:
			return err
		default:
			p.observed.Bindings = append(p.observed.Bindings, *made)
		}
	}
	return nil
}

// settleBindings changes the bindings that are there, and deletes those that are not wanted.
func (p *projection) settleBindings(ctx context.Context, wanted []rbacv1.RoleBinding) error {
	for i := range p.observed.Bindings {
		present := &p.observed.Bindings[i]
		j := slices.IndexFunc(wanted, func(b rbacv1.RoleBinding) bool { return b.Name == present.Name && b.RoleRef == present.RoleRef })
		if j < 0 {
			if err := p.discard(ctx, present); err != nil {
				return err
			}
			continue
		}
		if access.Holds(present, &wanted[j]) {
			continue
		}
		next := wanted[j].DeepCopy()
		next.ResourceVersion = present.ResourceVersion
		err := p.Client.Update(ctx, next)
		if unbindable(err, next.RoleRef) {
			p.unbindable.add(next.RoleRef.Kind + " " + next.RoleRef.Name)
			if access.OnlyAdds(present, next) {
				continue
			}
			// It names somebody who is to have no access, and taking them out needs the verb bind, too.
			err = p.discard(ctx, present)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unbindable tells whether a binding was refused because of its role. Without the verb bind, the API server looks the role up, and
// says of one that is not there that the binding of the role's name was not found.
func unbindable(err error, ref rbacv1.RoleRef) bool {
	var status apierrors.APIStatus
	return apierrors.IsForbidden(err) || apierrors.IsNotFound(err) && errors.As(err, &status) && status.Status().Details != nil &&
		status.Status().Details.Name == ref.Name
}

func (p *projection) binding(name string) *rbacv1.RoleBinding {
	for i := range p.observed.Bindings {
		if p.observed.Bindings[i].Name == name {
			return &p.observed.Bindings[i]
		}
	}
	return nil
}

// dropRoles deletes those that no binding refers to any more.
func (p *projection) dropRoles(ctx context.Context, wanted []rbacv1.Role) error {
	for i := range p.roles {
		if !slices.ContainsFunc(wanted, func(r rbacv1.Role) bool { return r.Name == p.roles[i].Name }) {
			if err := p.discard(ctx, &p.roles[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
