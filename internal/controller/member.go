// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/membership"
)

// leavingPause is how long a Member that is being deleted waits before it looks again whether something is left of it.
const leavingPause = 2 * time.Second

// +kubebuilder:rbac:groups=usher.dev,resources=members,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=usher.dev,resources=members/status,verbs=update
// +kubebuilder:rbac:groups=usher.dev,resources=members/finalizers,verbs=update
// +kubebuilder:rbac:groups=usher.dev,resources=invitations,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=usher.dev,resources=accounts;seatpools,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// MemberReconciler brings a Member from wanted to Active and back.
type MemberReconciler struct {
	Environment
	Elders *Elders
}

// Reconcile looks at one Member.
func (r *MemberReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	member := &usherv1.Member{}
	if found, err := get(ctx, r.reader(request), request.Namespace, request.Name, member); err != nil {
		return ctrl.Result{}, err
	} else if !found {
		return r.outcome(ctx, request, ctrl.Result{}, r.sweep(ctx, request.NamespacedName))
	}
	result, err := r.reconcile(ctx, member)
	return r.outcome(ctx, request, result, err)
}

func (r *MemberReconciler) reconcile(ctx context.Context, member *usherv1.Member) (ctrl.Result, error) {
	if held := controllerutil.ContainsFinalizer(member, usherv1.MemberFinalizer); !held {
		if member.DeletionTimestamp != nil {
			return ctrl.Result{}, nil
		}
		if err := setFinalizer(ctx, r.Client, member, usherv1.MemberFinalizer, true); err != nil {
			return ctrl.Result{}, err
		}
	}
	observed, err := r.observe(ctx, member)
	if err != nil {
		return ctrl.Result{}, err
	}
	decision := membership.Decide(observed, r.Now())
	if decision.NeedsLiveReads() {
		if observed, err = r.observeLive(ctx, observed); err != nil {
			return ctrl.Result{}, client.IgnoreNotFound(err)
		}
		member = observed.Member
		if err := r.leave(ctx, &observed); err != nil {
			return ctrl.Result{}, err
		}
		decision = membership.Decide(observed, r.Now())
	}

	changed, err := r.settleCredentials(ctx, &observed, decision)
	if err != nil {
		return ctrl.Result{}, err
	}
	if decision.ReassignOwned != "" {
		if err := r.bequeath(ctx, &observed); err != nil {
			return ctrl.Result{}, err
		}
		changed = true
	}
	if changed {
		decision = membership.Decide(observed, r.Now())
	}
	if decision.DeferStatus {
		return r.wake(decision.Wake), nil
	}
	before := member.DeepCopy()
	if !equality.Semantic.DeepEqual(member.Status, decision.Status) {
		member.Status = decision.Status
		if err := r.Client.Status().Update(ctx, member); err != nil {
			return ctrl.Result{}, err
		}
		r.announceMember(before, member)
	}
	switch {
	case decision.Forget:
		return ctrl.Result{}, r.forget(ctx, member)
	case meta.IsStatusConditionTrue(member.Status.Conditions, usherv1.ConditionDeletionBlocked):
		return ctrl.Result{RequeueAfter: blockedPause}, nil
	case member.DeletionTimestamp != nil:
		return ctrl.Result{RequeueAfter: leavingPause}, nil
	case decision.Invite:
		return r.wake(decision.Wake), r.ensureInvitation(ctx, member)
	}
	return r.wake(decision.Wake), nil
}

// setFinalizer adds or removes one finalizer by a patch that touches nothing else and fails if the object has changed.
func setFinalizer(ctx context.Context, writer client.Writer, object client.Object, finalizer string, present bool) error {
	before := object.DeepCopyObject().(client.Object)
	if present {
		controllerutil.AddFinalizer(object, finalizer)
	} else {
		controllerutil.RemoveFinalizer(object, finalizer)
	}
	return writer.Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}
