// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/plan"
)

// errGoing means that there is nothing to protect: the account does not exist (yet), or is being deleted.
var errGoing = errors.New("the account does not exist or is being deleted")

// gate reads what the rules need.
type gate struct {
	live client.Reader
	now  func() time.Time
}

// terms returns the terms of an account, by its name.
func (g gate) terms(ctx context.Context, namespace, name string) (plan.Terms, error) {
	account := &usherv1.Account{}
	err := g.live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, account)
	if apierrors.IsNotFound(err) || err == nil && account.DeletionTimestamp != nil {
		return plan.Terms{}, errGoing
	}
	if err != nil {
		return plan.Terms{}, fmt.Errorf("read Account %s: %w", name, err)
	}
	return g.termsOf(ctx, account)
}

// termsOf returns the terms of an account; a plan that does not exist is a problem in the terms, not an error.
func (g gate) termsOf(ctx context.Context, account *usherv1.Account) (plan.Terms, error) {
	if account.Spec.PlanRef == nil {
		return plan.For(account, nil), nil
	}
	named := &usherv1.Plan{}
	err := g.live.Get(ctx, client.ObjectKey{Name: account.Spec.PlanRef.Name}, named)
	if apierrors.IsNotFound(err) {
		return plan.For(account, nil), nil
	}
	if err != nil {
		return plan.Terms{}, fmt.Errorf("read Plan %s: %w", account.Spec.PlanRef.Name, err)
	}
	return plan.For(account, named), nil
}

// members returns all members of an account.
func (g gate) members(ctx context.Context, namespace, account string) ([]usherv1.Member, error) {
	var list usherv1.MemberList
	inAccount := client.MatchingFields{"spec.accountRef.name": account}
	if err := g.live.List(ctx, &list, client.InNamespace(namespace), inAccount); err != nil {
		return nil, fmt.Errorf("list the Members of Account %s: %w", account, err)
	}
	return list.Items, nil
}

// pools returns all pools of a namespace.
func (g gate) pools(ctx context.Context, namespace string) ([]usherv1.SeatPool, error) {
	var list usherv1.SeatPoolList
	if err := g.live.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list the SeatPools of namespace %s: %w", namespace, err)
	}
	return list.Items, nil
}

// leaving reports whether the namespace, and with it everything in it, is being deleted.
func (g gate) leaving(ctx context.Context, name string) (bool, error) {
	namespace := &corev1.Namespace{}
	err := g.live.Get(ctx, client.ObjectKey{Name: name}, namespace)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read Namespace %s: %w", name, err)
	}
	return namespace.DeletionTimestamp != nil, nil
}
