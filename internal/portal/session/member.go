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
	v := &Member{}
	if found, err := s.site.Read(ctx, name, &v.Member); !found {
		return nil, err
	}
	if found, err := s.site.ReadAround(ctx, &v.Person); !found {
		return nil, err
	}
	var err error
	if v.Administers, err = s.administers(ctx, v); err != nil {
		return nil, err
	}
	if !v.Acceptance.OpensSession(&v.Member) || len(v.Credentials.Data[credentials.KeyEmail]) == 0 ||
		credentials.PasswordHash(&v.Credentials) == nil {
		return nil, nil
	}
	return v, nil
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
