// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
)

// getAccount is the Account of that name; nil if it is not there.
func getAccount(ctx context.Context, reader client.Reader, namespace, name string) (*usherv1.Account, error) {
	account := &usherv1.Account{}
	found, err := get(ctx, reader, namespace, name, account)
	if !found {
		return nil, err
	}
	return account, nil
}

// planOf is the Plan that the account, which may be nil, names; nil if it is not there, or none is named.
func planOf(ctx context.Context, reader client.Reader, account *usherv1.Account) (*usherv1.Plan, error) {
	if account == nil || account.Spec.PlanRef == nil {
		return nil, nil
	}
	plan := &usherv1.Plan{}
	found, err := get(ctx, reader, "", account.Spec.PlanRef.Name, plan)
	if !found {
		return nil, err
	}
	return plan, nil
}

// +kubebuilder:rbac:groups=usher.dev,resources=plans,verbs=get;list;watch
// +kubebuilder:rbac:groups=usher.dev,resources=plans/status,verbs=update

// PlanReconciler tells that a Plan was seen. What is in it reaches the accounts through their own reconcilers.
type PlanReconciler struct {
	Environment
}

// Reconcile looks at one Plan.
func (r *PlanReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	plan := &usherv1.Plan{}
	if found, err := get(ctx, r.reader(request), "", request.Name, plan); !found || plan.DeletionTimestamp != nil {
		return r.outcome(ctx, request, ctrl.Result{}, err)
	}
	before := plan.DeepCopy()
	plan.Status.ObservedGeneration = plan.Generation
	w := conditions.Writer{List: &plan.Status.Conditions, Generation: plan.Generation, Now: r.Now()}
	w.SetReady(conditions.Sentence{Outlook: conditions.Done, Reason: usherv1.ReasonUpToDate})
	if equality.Semantic.DeepEqual(before.Status, plan.Status) {
		return r.outcome(ctx, request, ctrl.Result{}, nil)
	}
	return r.outcome(ctx, request, ctrl.Result{}, r.Client.Status().Update(ctx, plan))
}

// accountsOfPlan are all that are on it, if it said something new.
func (w Watches) accountsOfPlan(ctx context.Context, before, after client.Object) []types.NamespacedName {
	if !reborn(before, after) {
		return nil
	}
	name := either(before, after).GetName()
	var accounts usherv1.AccountList
	if err := w.Reader.List(ctx, &accounts, listed("", client.MatchingFields{indexPlan: name})...); err != nil {
		log.FromContext(ctx).Error(err, "a change was not passed on", "plan", name)
	}
	var keys []types.NamespacedName
	for i := range accounts.Items {
		keys = append(keys, client.ObjectKeyFromObject(&accounts.Items[i]))
	}
	return keys
}

func (w Watches) membersOfPlan(ctx context.Context, before, after client.Object) (keys []types.NamespacedName) {
	for _, account := range w.accountsOfPlan(ctx, before, after) {
		keys = append(keys, w.members(ctx, account.Namespace, indexAccount, account.Name, nil)...)
	}
	return keys
}

func (w Watches) poolsOfPlan(ctx context.Context, before, after client.Object) (keys []types.NamespacedName) {
	for _, account := range w.accountsOfPlan(ctx, before, after) {
		keys = append(keys, w.pools(ctx, account.Namespace, account.Name)...)
	}
	return keys
}
