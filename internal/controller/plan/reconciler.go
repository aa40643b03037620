// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plan reconciles Plans: it records that a Plan was seen. The controllers of the other kinds watch Plans themselves.
package plan

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	ctrl "sigs.k8s.io/controller-runtime"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

// +kubebuilder:rbac:groups=usher.dev,resources=plans,verbs=get;list;watch
// +kubebuilder:rbac:groups=usher.dev,resources=plans/status,verbs=update

// Reconciler reconciles Plans.
type Reconciler struct {
	reconciler.Base
}

// Reconcile reconciles one Plan.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	plan := &usherv1.Plan{}
	found, err := store.Get(ctx, r.Reader(request), "", request.Name, plan)
	if err == nil && found && plan.DeletionTimestamp == nil {
		err = r.reconcile(ctx, plan)
	}
	return r.Finish(ctx, request, ctrl.Result{}, err)
}

func (r *Reconciler) reconcile(ctx context.Context, plan *usherv1.Plan) error {
	before := plan.DeepCopy()
	plan.Status.ObservedGeneration = plan.Generation
	w := conditions.Writer{List: &plan.Status.Conditions, Generation: plan.Generation, Now: r.Now()}
	w.SetReady(conditions.Sentence{Outlook: conditions.Done, Reason: usherv1.ReasonUpToDate})
	if equality.Semantic.DeepEqual(before.Status, plan.Status) {
		return nil
	}
	return store.UpdateStatus(ctx, r.Client, plan)
}
