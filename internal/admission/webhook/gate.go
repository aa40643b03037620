// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/plan"
)

// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get
// +kubebuilder:rbac:groups=usher.dev,resources=accounts;plans;members;seatpools,verbs=get;list

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
		return plan.Terms{}, err
	}
	return g.termsOf(ctx, account)
}

func (g gate) termsOf(ctx context.Context, account *usherv1.Account) (plan.Terms, error) {
	if account.Spec.PlanRef == nil {
		return plan.For(account, nil), nil
	}
	named := &usherv1.Plan{}
	err := g.live.Get(ctx, client.ObjectKey{Name: account.Spec.PlanRef.Name}, named)
	if apierrors.IsNotFound(err) {
		return plan.For(account, nil), nil
	}
	return plan.For(account, named), err
}

// members returns all members of an account.
func (g gate) members(ctx context.Context, namespace, account string) ([]usherv1.Member, error) {
	var list usherv1.MemberList
	err := g.live.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{"spec.accountRef.name": account})
	return list.Items, err
}

// pools returns all pools of a namespace.
func (g gate) pools(ctx context.Context, namespace string) ([]usherv1.SeatPool, error) {
	var list usherv1.SeatPoolList
	err := g.live.List(ctx, &list, client.InNamespace(namespace))
	return list.Items, err
}

// leaving reports whether the namespace, and with it everything in it, is being deleted.
func (g gate) leaving(ctx context.Context, name string) (bool, error) {
	namespace := &corev1.Namespace{}
	err := g.live.Get(ctx, client.ObjectKey{Name: name}, namespace)
	return apierrors.IsNotFound(err) || err == nil && namespace.DeletionTimestamp != nil, client.IgnoreNotFound(err)
}
