// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package member reconciles Members: from invited to Active, to Disabled, and back.
package member

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

// deletionPause is how long a Member that is being deleted waits before it is looked at again.
const deletionPause = 2 * time.Second

// errGone is the error of a live read that finds no Member, or another one of its name.
var errGone = errors.New("the member is gone")

// Reconciler reconciles Members.
type Reconciler struct {
	reconciler.Base
	// tokenKeys sign acceptances.
	tokenKeys    *store.KeyStore
	firstMembers *firstMemberCache
	invited      invitedMembers
	wakeups      *reconciler.Wakeups
}

// Reconcile reconciles one Member.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	member := &usherv1.Member{}
	found, err := store.Get(ctx, r.Reader(request), request.Namespace, request.Name, member)
	if err != nil {
		return ctrl.Result{}, err
	}
	var result ctrl.Result
	if found {
		result, err = r.reconcile(ctx, member)
	} else {
		result, err = r.sweep(ctx, request.NamespacedName)
	}
	return r.Finish(ctx, request, result, err)
}

func (r *Reconciler) reconcile(ctx context.Context, member *usherv1.Member) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(member, usherv1.MemberFinalizer) {
		if member.DeletionTimestamp != nil {
			return ctrl.Result{}, nil
		}
		if err := r.takeUp(ctx, member); err != nil {
			return ctrl.Result{}, err
		}
	}
	cached, err := r.observe(ctx, r.Client, member)
	if err != nil {
		return ctrl.Result{}, err
	}
	decide := func(o membership.Observation) membership.Decision { return membership.Decide(o, r.Now()) }
	live := func() (membership.Observation, error) { return r.observeLive(ctx, member) }
	observed, decision, err := reconciler.DecideLive(cached, decide, live)
	if errors.Is(err, errGone) {
		return ctrl.Result{}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	changed, err := r.prepare(ctx, &observed, decision)
	if err != nil {
		return ctrl.Result{}, err
	}
	if changed {
		decision = decide(observed)
	}
	if decision.DeferStatus {
		return r.WakeAt(decision.Wake), nil
	}
	if err := r.writeStatus(ctx, observed.Member, decision.Status); err != nil {
		return ctrl.Result{}, err
	}
	return r.followUp(ctx, observed.Member, decision)
}

// prepare has the effects that come before the status is written. It reports whether they changed what the decision was based on.
func (r *Reconciler) prepare(ctx context.Context, o *membership.Observation, d membership.Decision) (changed bool, err error) {
	if changed, err = r.settleCredentials(ctx, o, d); err != nil {
		return changed, err
	}
	if d.MarkStanding || d.MarkUID || d.MarkEmail || d.MarkPool != "" {
		if err := r.mark(ctx, o.Member, d); err != nil {
			return changed, err
		}
	}
	if d.AdoptInvitation {
		if err := r.adoptInvitation(ctx, o.Member, o.Invitation); err != nil {
			return changed, err
		}
	}
	if d.ReassignOwned != "" {
		return true, r.reassignOwned(ctx, o)
	}
	return changed, nil
}

// takeUp adds the finalizer of a Member, and its UID: a backup keeps that, so that a restored Member can be told from one that was
// created anew.
func (r *Reconciler) takeUp(ctx context.Context, member *usherv1.Member) error {
	return store.PatchMetadata(ctx, r.Client, member, "add the finalizer of", func() {
		controllerutil.AddFinalizer(member, usherv1.MemberFinalizer)
		if member.Annotations[usherv1.MemberUIDAnnotation] == "" {
			metav1.SetMetaDataAnnotation(&member.ObjectMeta, usherv1.MemberUIDAnnotation, string(member.UID))
		}
	})
}

// mark has a Member's metadata say what has to survive its status.
func (r *Reconciler) mark(ctx context.Context, member *usherv1.Member, d membership.Decision) error {
	marks := map[string]string{}
	if d.MarkStanding {
		plan.Record(marks, d.Standing)
	}
	if d.MarkPool != "" {
		marks[usherv1.SeatPoolAnnotation] = d.MarkPool
	}
	if d.MarkEmail {
		marks[usherv1.EmailInUseAnnotation] = markedEmail(member, d.Status.Email)
	}
	if d.MarkUID {
		marks[usherv1.MemberUIDAnnotation] = member.MarkedUIDs()
	}
	return store.Annotate(ctx, r.Client, r.Live, member, marks)
}

// markedEmail is the address in use while a Member's spec names another; empty otherwise.
func markedEmail(member *usherv1.Member, inUse string) string {
	if member.Spec.Email.SameAs(usherv1.EmailAddress(inUse)) {
		return ""
	}
	return inUse
}

func (r *Reconciler) writeStatus(ctx context.Context, member *usherv1.Member, status usherv1.MemberStatus) error {
	if equality.Semantic.DeepEqual(member.Status, status) {
		return nil
	}
	before := member.DeepCopy()
	member.Status = status
	if err := store.UpdateStatus(ctx, r.Client, member); err != nil {
		return err
	}
	r.emit(before, member)
	return nil
}

// followUp has the effects that come after the status was written.
func (r *Reconciler) followUp(ctx context.Context, member *usherv1.Member, d membership.Decision) (ctrl.Result, error) {
	switch {
	case d.Forget:
		return ctrl.Result{}, r.forget(ctx, member)
	case meta.IsStatusConditionTrue(member.Status.Conditions, usherv1.ConditionDeletionBlocked):
		return ctrl.Result{RequeueAfter: blockedPause}, nil
	case member.DeletionTimestamp != nil:
		return ctrl.Result{RequeueAfter: deletionPause}, nil
	case d.Invite:
		return r.WakeAt(d.Wake), r.ensureInvitation(ctx, member)
	}
	return r.WakeAt(d.Wake), nil
}
