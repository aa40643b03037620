// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Events of one object come in bursts; what adds many of them up waits for a moment, so that a burst costs one write.
const (
	ledgerDelay  = 20 * time.Millisecond
	summaryDelay = 250 * time.Millisecond
)

// Mapping tells which objects to look at because another one changed: before is nil when it was made, after when it is gone.
type Mapping func(ctx context.Context, before, after client.Object) []types.NamespacedName

// Watch is a kind whose changes concern a reconciler, besides the kind that it reconciles.
type Watch struct {
	Object client.Object
	// Map returns whom to look at.
	Map Mapping
	// Delay gathers a burst.
	Delay time.Duration
}

// Watches is the table of who looks because of whom.
type Watches struct {
	// Reader is the cache.
	Reader  client.Reader
	Servers *MailServers
	Elders  *Elders
}

// ForMembers are the watches of the MemberReconciler.
func (w Watches) ForMembers() []Watch {
	return []Watch{
		{Object: &usherv1.Account{}, Map: w.membersOfAccount},
		{Object: &usherv1.SeatPool{}, Map: w.membersOfPool},
		{Object: &usherv1.Invitation{}, Map: memberOfInvitation},
		{Object: &usherv1.Plan{}, Map: w.membersOfPlan},
		{Object: &usherv1.Member{}, Map: w.rivalsOfMember},
		{Object: &usherv1.Member{}, Map: w.leaversToMember},
		{Object: &usherv1.Member{}, Map: w.heirs},
		{Object: &corev1.Secret{}, Map: w.membersOfSecret},
		{Object: &rbacv1.RoleBinding{}, Map: w.withdrawnFrom},
	}
}

// ForSeatPools are the watches of the SeatPoolReconciler.
func (w Watches) ForSeatPools() []Watch {
	return []Watch{
		{Object: &usherv1.Member{}, Map: w.poolsOfMember, Delay: ledgerDelay},
		{Object: &usherv1.Account{}, Map: w.poolsOfAccount},
		{Object: &usherv1.Plan{}, Map: w.poolsOfPlan},
		{Object: &usherv1.SeatPool{}, Map: w.poolsOfPool},
	}
}

// ForInvitations are the watches of the InvitationReconciler.
func (w Watches) ForInvitations() []Watch {
	return []Watch{
		{Object: &usherv1.Member{}, Map: w.invitationsOfMember},
		{Object: &usherv1.Account{}, Map: w.invitationsOfAccount},
	}
}

// ForAccounts are the watches of the AccountReconciler.
func (w Watches) ForAccounts() []Watch {
	return []Watch{
		{Object: &usherv1.Member{}, Map: accountOfMember, Delay: summaryDelay},
		{Object: &usherv1.SeatPool{}, Map: accountOfPool, Delay: summaryDelay},
		{Object: &corev1.ConfigMap{}, Map: w.accountsOfConfigMap},
		{Object: &usherv1.Plan{}, Map: w.accountsOfPlan},
		{Object: &corev1.Secret{}, Map: w.accountsOfPasswords, Delay: summaryDelay},
		{Object: &rbacv1.Role{}, Map: accountOfAccess, Delay: summaryDelay},
		{Object: &rbacv1.RoleBinding{}, Map: accountOfAccess, Delay: summaryDelay},
	}
}

// ForEndings are the watches of the EndingReconciler.
func (w Watches) ForEndings() []Watch {
	return []Watch{{Object: &usherv1.Account{}, Map: w.endingsOfAccount}}
}

// ForMailServers are the watches of the MailServerReconciler.
func (w Watches) ForMailServers() []Watch {
	return []Watch{
		{Object: &usherv1.Account{}, Map: w.serversOfAccount},
		{Object: &corev1.Secret{}, Map: serverOfSecret},
	}
}

// handle makes an event handler of a watch.
func handle(w Watch) handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	add := func(ctx context.Context, q queue, before, after client.Object) {
		for _, key := range w.Map(ctx, before, after) {
			q.AddAfter(reconcile.Request{NamespacedName: key}, w.Delay)
		}
	}
	return handler.Funcs{
		CreateFunc:  func(ctx context.Context, e event.CreateEvent, q queue) { add(ctx, q, nil, e.Object) },
		UpdateFunc:  func(ctx context.Context, e event.UpdateEvent, q queue) { add(ctx, q, e.ObjectOld, e.ObjectNew) },
		DeleteFunc:  func(ctx context.Context, e event.DeleteEvent, q queue) { add(ctx, q, e.Object, nil) },
		GenericFunc: func(ctx context.Context, e event.GenericEvent, q queue) { add(ctx, q, nil, e.Object) },
	}
}
