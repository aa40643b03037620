// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package accountaccess

import (
	"context"
	"errors"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/usher-dev/usher/internal/access"
	"github.com/usher-dev/usher/internal/store"
)

// ensureRoles creates and updates the account's own roles, and returns the names of those that it could not write.
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
			p.problems.unwritable.add(role.Name)
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

// ensureRole creates or updates one role, unless an object that Usher did not make has its name; present is nil if there is none.
func (p *projection) ensureRole(ctx context.Context, role, present *rbacv1.Role) (there bool, err error) {
	if present == nil {
		if may, err := p.mayCreate(ctx, "Role", role, &rbacv1.Role{}); !may {
			return false, err
		}
		err := store.Create(ctx, p.Client, role.DeepCopy())
		return err == nil, err
	}
	if access.HoldsRole(present, role) {
		return true, nil
	}
	next := role.DeepCopy()
	next.ResourceVersion = present.ResourceVersion
	err = store.Update(ctx, p.Client, next)
	return err == nil, err
}

// without leaves out the bindings to roles that could not be written: no one gets what another client wrote into them, or what they
// must not give any more.
func without(bindings []rbacv1.RoleBinding, missing []string) []rbacv1.RoleBinding {
	return slices.DeleteFunc(slices.Clone(bindings), func(b rbacv1.RoleBinding) bool {
		return b.RoleRef.Kind == "Role" && slices.Contains(missing, b.RoleRef.Name)
	})
}

// makeBindings creates the missing bindings, without subjects.
func (p *projection) makeBindings(ctx context.Context, wanted []rbacv1.RoleBinding) error {
	for i := range wanted {
		if p.binding(wanted[i].Name) != nil {
			continue
		}
		made := wanted[i].DeepCopy()
		made.Subjects = nil
		if may, err := p.mayCreate(ctx, "RoleBinding", made, &rbacv1.RoleBinding{}); err != nil {
			return err
		} else if !may {
			continue
		}
		switch err := store.Create(ctx, p.Client, made); {
		case unbindable(err, made.RoleRef):
			p.problems.unbindable.add(made.RoleRef.Kind + " " + made.RoleRef.Name)
		case err != nil:
			return err
		default:
			p.observed.Bindings = append(p.observed.Bindings, *made)
		}
	}
	return nil
}

// settleBindings updates the bindings that exist, and deletes those that are not wanted.
func (p *projection) settleBindings(ctx context.Context, wanted []rbacv1.RoleBinding) error {
	for i := range p.observed.Bindings {
		present := &p.observed.Bindings[i]
		j := slices.IndexFunc(wanted, func(b rbacv1.RoleBinding) bool { return b.Name == present.Name && b.RoleRef == present.RoleRef })
		if j < 0 {
			if err := store.DeleteAsRead(ctx, p.Client, present); err != nil {
				return err
			}
			continue
		}
		if access.Holds(present, &wanted[j]) {
			continue
		}
		next := wanted[j].DeepCopy()
		next.ResourceVersion = present.ResourceVersion
		err := store.Update(ctx, p.Client, next)
		if unbindable(err, next.RoleRef) {
			p.problems.unbindable.add(next.RoleRef.Kind + " " + next.RoleRef.Name)
			if access.OnlyAdds(present, next) {
				continue
			}
			// The binding names someone who must not have access any more, and an update needs the verb bind, too.
			err = store.DeleteAsRead(ctx, p.Client, present)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unbindable reports whether a binding was refused because of its role. Without the verb bind, the API server looks the role up, and
// answers NotFound with the role's name if it does not exist.
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

// dropRoles deletes the roles that no binding refers to any more.
func (p *projection) dropRoles(ctx context.Context, wanted []rbacv1.Role) error {
	for i := range p.roles {
		if !slices.ContainsFunc(wanted, func(r rbacv1.Role) bool { return r.Name == p.roles[i].Name }) {
			if err := store.DeleteAsRead(ctx, p.Client, &p.roles[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
