// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plan reconciles Plans: it records that a Plan was seen, and refuses kinds that no member can own. The controllers of the other
// kinds watch Plans themselves.
package plan

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

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
	verdict, err := r.verdict(plan)
	if err != nil {
		return err
	}
	w.SetReady(verdict)
	if equality.Semantic.DeepEqual(before.Status, plan.Status) {
		return nil
	}
	return store.UpdateStatus(ctx, r.Client, plan)
}

// verdict finds the first kind of ownedResources whose objects are in no namespace. A kind that the API server does not have yet may be
// installed later.
func (r *Reconciler) verdict(plan *usherv1.Plan) (conditions.Sentence, error) {
	for _, owned := range plan.Spec.OwnedResources {
		kind := schema.FromAPIVersionAndKind(owned.APIVersion, owned.Kind)
		clusterScoped, err := store.ClusterScoped(r.Client, kind)
		if err != nil && !meta.IsNoMatchError(err) {
			return conditions.Sentence{}, err
		}
		if clusterScoped {
			return saysClusterScoped(kind), nil
		}
	}
	return conditions.Sentence{Outlook: conditions.Done, Reason: usherv1.ReasonUpToDate}, nil
}

func saysClusterScoped(kind schema.GroupVersionKind) conditions.Sentence {
	return conditions.Sentence{
		Outlook: conditions.Stuck, Reason: usherv1.ReasonKindClusterScoped,
		Message: fmt.Sprintf("Kind %s of %s in spec.ownedResources is cluster-scoped, and a member owns objects of its own namespace only; "+
			"take it out", kind.Kind, kind.GroupVersion()),
	}
}
