// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package member

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/labels"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/store"
)

// blockedPause is how long a Member whose deletion is blocked waits before it looks again at what it owns: nothing watches the kinds
// that a plan may name. The other things that it waits for, its spec and its successor, bring an event.
const blockedPause = 30 * time.Second

// observeOwned adds to a live observation what a Member that is being deleted owns, and its successor. Access is withdrawn first:
// until then it does nothing.
func (r *Reconciler) observeOwned(ctx context.Context, o *membership.Observation) error {
	if !o.OwnershipMatters() || o.Member.Status.State != usherv1.ObservedDisabled {
		return nil
	}
	if to := o.Member.Spec.ReassignTo; to != nil {
		successor := &usherv1.Member{}
		found, err := store.Get(ctx, r.Live, o.Member.Namespace, to.Name, successor)
		if err != nil {
			return err
		}
		if found {
			o.Successor = successor
		}
	}
	if o.Plan == nil {
		o.OwnedObjects = membership.OwnedObjects{Reason: usherv1.ReasonPlanNotFound, Problem: "There is no Plan " + o.Account.Spec.PlanRef.Name +
			" to tell what the member owns; create it, or correct the Account's spec.planRef"}
		return nil
	}
	return r.eachOwned(ctx, o, func(page *metav1.PartialObjectMetadataList, kind schema.GroupVersionKind) error {
		o.OwnedObjects.Count += len(page.Items)
		for i := range page.Items {
			if len(o.OwnedObjects.Names) < membership.MaxNamed {
				o.OwnedObjects.Names = append(o.OwnedObjects.Names, kind.Kind+" "+page.Items[i].Name)
			}
		}
		return nil
	})
}

// visitor is called with each page of what a Member owns.
type visitor func(page *metav1.PartialObjectMetadataList, kind schema.GroupVersionKind) error

// eachOwned visits what the Member owns, by live lists of metadata. A kind that cannot be read or written for good is recorded in
// o; every other error is returned.
func (r *Reconciler) eachOwned(ctx context.Context, o *membership.Observation, visit visitor) error {
	for _, owned := range o.Plan.Spec.OwnedResources {
		kind := schema.FromAPIVersionAndKind(owned.APIVersion, owned.Kind)
		err := r.eachOwnedOf(ctx, kind, o.Member, visit)
		if reason, problem := r.unreachable(kind, o.Plan.Name, err); problem != "" {
			o.OwnedObjects.Reason, o.OwnedObjects.Problem = reason, problem
			continue
		}
		if err != nil {
			return fmt.Errorf("what Member %s/%s owns of kind %s: %w", o.Member.Namespace, o.Member.Name, kind.Kind, err)
		}
	}
	return nil
}

// errClusterScoped is the error for a kind whose objects are in no namespace: a member of another namespace with the same name could own
// them as well.
var errClusterScoped = errors.New("the kind is cluster-scoped")

func (r *Reconciler) eachOwnedOf(ctx context.Context, kind schema.GroupVersionKind, member *usherv1.Member, visit visitor) error {
	if clusterScoped, err := store.ClusterScoped(r.Client, kind); err != nil {
		return err
	} else if clusterScoped {
		return errClusterScoped
	}
	return store.EachPage(ctx, r.Live, kind, member.Namespace,
		func(page *metav1.PartialObjectMetadataList) error { return visit(page, kind) },
		client.MatchingLabels{usherv1.OwnerLabel: labels.Value(member.Name)})
}

// unreachable returns what to do about a kind that cannot be read or written for good; empty for any other error.
func (r *Reconciler) unreachable(kind schema.GroupVersionKind, plan string, err error) (reason, problem string) {
	switch {
	case meta.IsNoMatchError(err) || apierrors.IsNotFound(err):
		return usherv1.ReasonKindNotFound, fmt.Sprintf(
			"The API server knows no kind %s of %s, which Plan %s names in ownedResources; install it, or correct the plan",
			kind.Kind, kind.GroupVersion(), plan)
	case errors.Is(err, errClusterScoped):
		return usherv1.ReasonKindClusterScoped, fmt.Sprintf(
			"Kind %s of %s, which Plan %s names in ownedResources, is cluster-scoped, and a member owns objects of its own namespace only; "+
				"take the kind out of the plan", kind.Kind, kind.GroupVersion(), plan)
	case apierrors.IsForbidden(err):
		resource := kind.Kind
		if mapping, err := r.Client.RESTMapper().RESTMapping(kind.GroupKind(), kind.Version); err == nil {
			resource = mapping.Resource.GroupResource().String()
		}
		return usherv1.ReasonOwnershipForbidden, fmt.Sprintf(
			"Usher may not list and patch %s; apply a ClusterRole with these two verbs and the label %s=true", resource, usherv1.AggregateLabel)
	}
	return "", ""
}

// reassignOwned gives everything that the Member owns to its successor. Each object is written with the resourceVersion that was
// read, so that a crash or a second operator repeats nothing; one that another client changed meanwhile is found again by the next
// reconcile.
func (r *Reconciler) reassignOwned(ctx context.Context, o *membership.Observation) error {
	reassigned := 0
	o.OwnedObjects = membership.OwnedObjects{}
	err := r.eachOwned(ctx, o, func(page *metav1.PartialObjectMetadataList, kind schema.GroupVersionKind) error {
		for i := range page.Items {
			object := &page.Items[i]
			object.SetGroupVersionKind(kind)
			before := object.DeepCopy()
			object.Labels[usherv1.OwnerLabel] = labels.Value(o.Successor.Name)
			patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
			if err := r.Client.Patch(ctx, object, patch); client.IgnoreNotFound(err) != nil {
				return fmt.Errorf("patch %s: %w", object.GetName(), err)
			}
			reassigned++
		}
		return nil
	})
	if reassigned > 0 {
		r.emitReassigned(o.Member, o.Successor, reassigned)
	}
	return err
}
