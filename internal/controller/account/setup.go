// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package account

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/controller/accountaccess"
	"github.com/usher-dev/usher/internal/outbox"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

const (
	// workers is how many Accounts of a namespace are reconciled at once.
	workers = 2
	// batchDelay collects changes of many members and pools into one write.
	batchDelay = 250 * time.Millisecond
)

// New returns the controller of Accounts. Without a portal there are no links, and nothing is delivered.
func New(base reconciler.Base, box *outbox.Outbox, access *accountaccess.Verdicts, hasPortal bool) reconciler.Controller {
	r := &Reconciler{Base: base.ForController(), outbox: box, access: access, hasPortal: hasPortal, pace: reconciler.NewPace()}
	return reconciler.Controller{
		Name: "account", For: &usherv1.Account{}, Workers: workers, Reconciler: r, Pace: r.pace,
		Wakeups: box.Endpoints.Accounts,
		Watches: []reconciler.Watch{
			{Object: &usherv1.Member{}, Map: ofMember, Delay: batchDelay, Pace: r.pace},
			{Object: &usherv1.SeatPool{}, Map: ofPool, Delay: batchDelay, Pace: r.pace},
			{Object: &corev1.ConfigMap{}, Map: r.ofConfigMap},
			{Object: &corev1.Secret{}, Map: r.ofSecret},
			{Object: &usherv1.Plan{}, Map: r.ofPlan},
		},
	}
}

// ofMember returns the member's account, if anything changed that the account's status sums up.
func ofMember(_ context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	m := reconciler.Present(before, after).(*usherv1.Member)
	if !reconciler.Respecified(before, after) && sameForSummary(before.(*usherv1.Member), m) {
		return nil, nil
	}
	return []types.NamespacedName{{Namespace: m.Namespace, Name: m.Spec.AccountRef.Name}}, nil
}

func sameForSummary(was, is *usherv1.Member) bool {
	return was.Status.State == is.Status.State && was.Status.Role == is.Status.Role && slices.Equal(was.Status.Rights, is.Status.Rights) &&
		was.EmailInUse() == is.EmailInUse() && // of the owner
		was.Status.ObservedGeneration == is.Status.ObservedGeneration && equality.Semantic.DeepEqual(was.Status.Seats, is.Status.Seats) &&
		conditions.Reason(was.Status.Conditions, usherv1.ConditionReady) == conditions.Reason(is.Status.Conditions, usherv1.ConditionReady) &&
		conditions.Reason(was.Status.Conditions, usherv1.ConditionReconciling) ==
			conditions.Reason(is.Status.Conditions, usherv1.ConditionReconciling)
}

func ofPool(_ context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	pool := reconciler.Present(before, after).(*usherv1.SeatPool)
	return []types.NamespacedName{{Namespace: pool.Namespace, Name: pool.Spec.AccountRef.Name}}, nil
}

// ofConfigMap returns the accounts whose wording it holds.
func (r *Reconciler) ofConfigMap(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	source := reconciler.Present(before, after)
	accounts, err := store.Accounts(ctx, r.Client, source.GetNamespace(), store.ByTemplatesRef, source.GetName())
	return store.Keys(accounts), err
}

// ofPlan returns the accounts on the plan.
func (r *Reconciler) ofPlan(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	if !reconciler.Respecified(before, after) {
		return nil, nil
	}
	accounts, err := store.Accounts(ctx, r.Client, "", store.ByPlan, reconciler.Present(before, after).GetName())
	return store.Keys(accounts), err
}
