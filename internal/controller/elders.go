// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/plan"
)

// Elders finds out who is an account's first member. It remembers whom it found and asks for that one before it looks through all:
// most members are not the first, and one elder is enough to tell.
type Elders struct {
	// hints are the first members as they were found, by account.
	hints sync.Map
}

// first tells whether m is the account's first member, where the plan makes a difference of it and m's spec names no role. reader
// is the cache, or the API server where the answer matters.
func (e *Elders) first(ctx context.Context, reader client.Reader, account *usherv1.Account, tier *usherv1.Plan, m *usherv1.Member) (bool, error) {
	if m.Spec.Role != "" || !plan.For(account, tier).FirstMemberMatters() {
		return false, nil
	}
	elder, err := e.elder(ctx, reader, m)
	return elder == nil && err == nil, err
}

// elder is the account's first member, or was lately; nil if m is the first.
func (e *Elders) elder(ctx context.Context, reader client.Reader, m *usherv1.Member) (*usherv1.Member, error) {
	account := types.NamespacedName{Namespace: m.Namespace, Name: m.Spec.AccountRef.Name}
	if hint, known := e.hints.Load(account); known {
		elder := &usherv1.Member{}
		found, err := get(ctx, reader, m.Namespace, hint.(string), elder)
		if err != nil || found && plan.CameBefore(elder, m) {
			return elder, err
		}
	}
	oldest, err := oldestBut(ctx, reader, m)
	if err != nil || oldest == nil || !plan.CameBefore(oldest, m) {
		return nil, err
	}
	e.hints.Store(account, oldest.Name)
	return oldest, nil
}

// oldestBut is the first member of m's account besides m; nil if there is none.
func oldestBut(ctx context.Context, reader client.Reader, m *usherv1.Member) (*usherv1.Member, error) {
	var all usherv1.MemberList
	// The index has the name of a selectable field, so the API server answers it too.
	if err := reader.List(ctx, &all, listed(m.Namespace, client.MatchingFields{indexAccount: m.Spec.AccountRef.Name})...); err != nil {
		return nil, err
	}
	var oldest *usherv1.Member
	for i := range all.Items {
		other := &all.Items[i]
		if other.UID != m.UID && other.DeletionTimestamp == nil && (oldest == nil || plan.CameBefore(other, oldest)) {
			oldest = other
		}
	}
	return oldest, nil
}

// heirs are those who may have become, or stopped being, the account's first member because m came or went.
func (w Watches) heirs(ctx context.Context, before, after client.Object) []types.NamespacedName {
	came := before == nil
	went := !came && (after == nil || before.GetDeletionTimestamp() == nil && after.GetDeletionTimestamp() != nil)
	m := either(before, after).(*usherv1.Member)
	if !came && !went {
		return nil
	}
	account, err := getAccount(ctx, w.Reader, m.Namespace, m.Spec.AccountRef.Name)
	tier, err2 := planOf(ctx, w.Reader, account)
	if err != nil || err2 != nil || !plan.For(account, tier).FirstMemberMatters() {
		return nil // the cache is asked, which does not fail; and whoever activates looks for itself
	}
	if came {
		if elder, err := w.Elders.elder(ctx, w.Reader, m); err != nil || elder != nil {
			return nil
		}
	}
	heir, err := oldestBut(ctx, w.Reader, m)
	if err != nil || heir == nil {
		return nil
	}
	return []types.NamespacedName{client.ObjectKeyFromObject(heir)}
}
