// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/portal/page"
)

// Member is a member who can sign in.
type Member struct {
	page.Person
	// Administers is set if the member may speak for the company.
	Administers bool
}

// Read reads a member whose credentials have a password and are for the address in use; nil if there is no such member.
func (s *Sessions) Read(ctx context.Context, name types.NamespacedName) (*Member, error) {
	return s.read(ctx, name, func(*page.Person) bool { return true })
}

// read is Read for a member that keep reports true for: when the Member was read, and again when its Account was.
func (s *Sessions) read(ctx context.Context, name types.NamespacedName, keep func(*page.Person) bool) (*Member, error) {
	v := &Member{}
	if found, err := s.site.Read(ctx, name, &v.Member); !found || !keep(&v.Person) {
		return nil, err
	}
	if found, err := s.site.ReadAccount(ctx, &v.Person); !found || !keep(&v.Person) {
		return nil, err
	}
	if err := s.site.ReadOfAccount(ctx, &v.Person); err != nil {
		return nil, err
	}
	var err error
	if v.Administers, err = s.administers(ctx, v); err != nil {
		return nil, err
	}
	if !SignsIn(&v.Person) {
		return nil, nil
	}
	return v, nil
}

// SignsIn reports whether the credentials of a person have a password, and are for an address with which the person signs in.
func SignsIn(who *page.Person) bool {
	return who.Acceptance.OpensSession(&who.Member) && len(who.Credentials.Data[credentials.KeyEmail]) > 0 &&
		credentials.PasswordHash(&who.Credentials) != nil
}

// administers reports whether the member may speak for the whole company: whether the present plan makes its role one of the
// account's admins.
func (s *Sessions) administers(ctx context.Context, v *Member) (bool, error) {
	var named *usherv1.Plan
	if ref := v.Account.Spec.PlanRef; ref != nil {
		named = &usherv1.Plan{}
		if found, err := s.site.Read(ctx, types.NamespacedName{Name: ref.Name}, named); err != nil {
			return false, err
		} else if !found {
			named = nil
		}
	}
	return plan.For(&v.Account, named).Admin(v.Member.Status.Role), nil
}
