// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package member

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/store"
)

// firstMemberCache finds out whether a member is its account's first one. It remembers each account's first member and reads that one
// before it lists all: most members are not the first, and one older member is enough to tell.
type firstMemberCache struct {
	// names of the first members as they were found, by account.
	names sync.Map
}

// isFirst reports whether m is the account's first member, where the plan gives the first member a role of its own and m's spec names
// no role. reader is the cache, or the API server where the answer matters.
func (c *firstMemberCache) isFirst(
	ctx context.Context, reader client.Reader, account *usherv1.Account, of *usherv1.Plan, m *usherv1.Member,
) (bool, error) {
	if m.Spec.Role != "" || !plan.For(account, of).FirstMemberMatters() {
		return false, nil
	}
	older, err := c.older(ctx, reader, m)
	return older == nil && err == nil, err
}

// older returns a member of the account that is older than m; nil if m is the first.
func (c *firstMemberCache) older(ctx context.Context, reader client.Reader, m *usherv1.Member) (*usherv1.Member, error) {
	account := types.NamespacedName{Namespace: m.Namespace, Name: m.Spec.AccountRef.Name}
	if name, known := c.names.Load(account); known {
		first := &usherv1.Member{}
		found, err := store.GetReadable(ctx, reader, m.Namespace, name.(string), first)
		if err != nil {
			return nil, err
		}
		if found && plan.CameBefore(first, m) {
			return first, nil
		}
	}
	oldest, err := oldestBut(ctx, reader, m)
	if err != nil || oldest == nil || !plan.CameBefore(oldest, m) {
		return nil, err
	}
	c.names.Store(account, oldest.Name)
	return oldest, nil
}

// oldestBut returns the oldest member of m's account besides m; nil if there is none.
func oldestBut(ctx context.Context, reader client.Reader, m *usherv1.Member) (*usherv1.Member, error) {
	all, err := store.Members(ctx, reader, m.Namespace, store.ByAccount, m.Spec.AccountRef.Name)
	if err != nil {
		return nil, err
	}
	var oldest *usherv1.Member
	for i := range all {
		other := &all[i]
		if other.UID != m.UID && other.DeletionTimestamp == nil && (oldest == nil || plan.CameBefore(other, oldest)) {
			oldest = other
		}
	}
	return oldest, nil
}
