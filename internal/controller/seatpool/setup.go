// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seatpool

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/store"
)

const (
	// workers is how many SeatPools of a namespace are reconciled at once.
	workers = 4
	// batchDelay collects changes of many members into one write of the ledger.
	batchDelay = 20 * time.Millisecond
)

// New returns the controller of SeatPools.
func New(base reconciler.Base) reconciler.Controller {
	r := &Reconciler{Base: base.ForController(), pace: reconciler.NewPace()}
	return reconciler.Controller{
		Name: "seatpool", For: &usherv1.SeatPool{}, Workers: workers, Reconciler: r, Pace: r.pace,
		Watches: []reconciler.Watch{
			{Object: &usherv1.Member{}, Map: r.ofMember, Delay: batchDelay, Pace: r.pace},
			{Object: &usherv1.Account{}, Map: r.ofAccount},
			{Object: &usherv1.Plan{}, Map: r.ofPlan},
			{Object: &usherv1.SeatPool{}, Map: r.siblings},
		},
	}
}

// ofMember returns the pools of the member's account, and those that it has a seat of, if anything changed that a ledger depends on.
func (r *Reconciler) ofMember(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	m := reconciler.Present(before, after).(*usherv1.Member)
	if !reconciler.Respecified(before, after) && sameForLedger(before.(*usherv1.Member), m) {
		return nil, nil
	}
	keys, err := r.keys(ctx, m.Namespace, m.Spec.AccountRef.Name)
	for _, s := range m.Status.Seats {
		if key := (types.NamespacedName{Namespace: m.Namespace, Name: s.Pool}); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys, err
}

// sameForLedger reports whether two statuses of a member mean the same for every ledger.
func sameForLedger(was, is *usherv1.Member) bool {
	return was.Status.State == is.Status.State && was.Status.AcceptedAt.Equal(is.Status.AcceptedAt) &&
		was.EmailInUse().SameAs(is.EmailInUse()) &&
		equality.Semantic.DeepEqual(was.Status.Seats, is.Status.Seats) &&
		conditions.Reason(was.Status.Conditions, usherv1.ConditionReady) == conditions.Reason(is.Status.Conditions, usherv1.ConditionReady)
}

func (r *Reconciler) ofAccount(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	if !reconciler.Respecified(before, after) {
		return nil, nil
	}
	account := reconciler.Present(before, after)
	return r.keys(ctx, account.GetNamespace(), account.GetName())
}

// ofPlan returns the pools of all accounts on the plan.
func (r *Reconciler) ofPlan(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	if !reconciler.Respecified(before, after) {
		return nil, nil
	}
	accounts, err := store.Accounts(ctx, r.Client, "", store.ByPlan, reconciler.Present(before, after).GetName())
	var keys []types.NamespacedName
	for i := range accounts {
		pools, failed := r.keys(ctx, accounts[i].Namespace, accounts[i].Name)
		if failed != nil {
			return keys, failed
		}
		keys = append(keys, pools...)
	}
	return keys, err
}

// siblings returns the account's pools: which one a member means that names none, and which one has the included seats, may have
// changed.
func (r *Reconciler) siblings(ctx context.Context, before, after client.Object) ([]types.NamespacedName, error) {
	if !reconciler.Respecified(before, after) {
		return nil, nil
	}
	pool := reconciler.Present(before, after).(*usherv1.SeatPool)
	return r.keys(ctx, pool.Namespace, pool.Spec.AccountRef.Name)
}

// keys returns the SeatPools of an account.
func (r *Reconciler) keys(ctx context.Context, namespace, account string) ([]types.NamespacedName, error) {
	pools, err := store.Pools(ctx, r.Client, namespace, account)
	return store.Keys(pools), err
}
