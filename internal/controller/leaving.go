// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/labels"
	"github.com/usher-dev/usher/internal/membership"
)

// blockedPause is how long a Member whose deletion is blocked waits before it looks again at what it owns: nobody watches kinds
// that a plan may name. What else it waits for, its spec and its heir, brings an event.
const blockedPause = 30 * time.Second

// leave adds to a live observation what a Member that is being deleted owns, and who is to have it.
func (r *MemberReconciler) leave(ctx context.Context, o *membership.Observation) error {
	if !o.OwnershipMatters() || o.Member.Status.State != usherv1.ObservedDisabled {
		return nil // the access is withdrawn first
	}
	if to := o.Member.Spec.ReassignTo; to != nil {
		heir := &usherv1.Member{}
		found, err := get(ctx, r.Live, o.Member.Namespace, to.Name, heir)
		if err != nil {
			return err
		}
		if found {
			o.Successor = heir
		}
	}
	if o.Plan == nil {
		o.OwnedObjects = membership.OwnedObjects{Reason: usherv1.ReasonPlanNotFound, Problem: "There is no Plan " + o.Account.Spec.PlanRef.Name +
			" to tell what the member owns; create it, or correct the Account's spec.planRef"}
		return nil
	}
	return r.eachOwned(ctx, func(page *metav1.PartialObjectMetadataList, kind schema.GroupVersionKind) error {
		o.OwnedObjects.Count += len(page.Items)
		for i := range page.Items {
			if len(o.OwnedObjects.Names) < membership.MaxNamed {
				o.OwnedObjects.Names = append(o.OwnedObjects.Names, kind.Kind+" "+page.Items[i].Name)
			}
		}
		return nil
	}, o)
}

// eachOwned visits what the Member owns, page by page, by live lists of metadata. What is wrong with a kind for good goes into the
// estate.
func (r *MemberReconciler) eachOwned(ctx context.Context, visit func(*metav1.PartialObjectMetadataList, schema.GroupVersionKind) error, o *membership.Observation) error {
	for _, owned := range o.Plan.Spec.OwnedResources {
		kind := schema.FromAPIVersionAndKind(owned.APIVersion, owned.Kind)
		for next := ""; ; {
			page := &metav1.PartialObjectMetadataList{}
			page.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
			err := r.Live.List(ctx, page, client.InNamespace(o.Member.Namespace), client.Limit(livePage), client.Continue(next),
				client.MatchingLabels{usherv1.OwnerLabel: labels.Value(o.Member.Name)})
			if err == nil {
				err = visit(page, kind)
			}
			if reason, problem := r.unreachable(kind, o.Plan.Name, err); problem != "" {
				o.OwnedObjects.Reason, o.OwnedObjects.Problem = reason, problem
				break
			}
			if err != nil {
				return err
			}
			if next = page.Continue; next == "" {
				break
			}
		}
	}
	return nil
}

// unreachable says what to do about a kind that cannot be read or written for good; empty for any other error.
func (r *MemberReconciler) unreachable(kind schema.GroupVersionKind, plan string, err error) (reason, problem string) {
	switch {
	case meta.IsNoMatchError(err) || apierrors.IsNotFound(err):
		return usherv1.ReasonKindNotFound, fmt.Sprintf("The API server knows no kind %s of %s, which Plan %s names in ownedResources; install it, or correct the plan", kind.Kind, kind.GroupVersion(), plan)
	case apierrors.IsForbidden(err):
		resource := kind.Kind
		if mapping, err := r.Client.RESTMapper().RESTMapping(kind.GroupKind(), kind.Version); err == nil {
			resource = mapping.Resource.GroupResource().String()
		}
		return usherv1.ReasonOwnershipForbidden, fmt.Sprintf("Usher may not list and patch %s; apply a ClusterRole with these two verbs and the label %s=true", resource, usherv1.AggregateLabel)
	}
	return "", ""
}

// bequeath gives everything that the Member owns to its heir. Each thing is written with the resourceVersion that was read, so that
// a crash or a second operator repeats nothing; what somebody changed meanwhile is found again by the next look.
func (r *MemberReconciler) bequeath(ctx context.Context, o *membership.Observation) error {
	given := 0
	o.OwnedObjects = membership.OwnedObjects{}
	err := r.eachOwned(ctx, func(page *metav1.PartialObjectMetadataList, kind schema.GroupVersionKind) error {
		for i := range page.Items {
			thing := &page.Items[i]
			thing.SetGroupVersionKind(kind)
			before := thing.DeepCopy()
			thing.Labels[usherv1.OwnerLabel] = labels.Value(o.Successor.Name)
			if err := r.Client.Patch(ctx, thing, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); client.IgnoreNotFound(err) != nil {
				return err
			}
			given++
		}
		return nil
	}, o)
	if given > 0 {
		r.Recorder.Eventf(o.Member, o.Successor, corev1.EventTypeNormal, usherv1.ReasonReassigned, "Reassign", "Handed over %d things to %s", given, o.Successor.Name)
	}
	return err
}

// leaversToMember are those who wait to hand over what they own to somebody who came, went, or changed state.
func (w Watches) leaversToMember(ctx context.Context, before, after client.Object) []types.NamespacedName {
	if !reborn(before, after) && before.(*usherv1.Member).Status.State == after.(*usherv1.Member).Status.State {
		return nil
	}
	heir := either(before, after)
	return w.members(ctx, heir.GetNamespace(), indexHeir, heir.GetName(), nil)
}
