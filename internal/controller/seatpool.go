// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/seat"
)

// livePage is how many objects one live list asks for at a time.
const livePage = 500

// +kubebuilder:rbac:groups=usher.dev,resources=plans,verbs=get;list;watch
// +kubebuilder:rbac:groups=usher.dev,resources=seatpools,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=usher.dev,resources=seatpools/status,verbs=update
// +kubebuilder:rbac:groups=usher.dev,resources=seatpools/finalizers,verbs=update

// SeatPoolReconciler keeps the ledgers: it alone adds and drops claims.
type SeatPoolReconciler struct {
	Environment
}

// Reconcile brings one ledger up to date, with one write for all that changed.
func (r *SeatPoolReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	pool := &usherv1.SeatPool{}
	if found, err := get(ctx, r.reader(request), request.Namespace, request.Name, pool); !found {
		return r.outcome(ctx, request, ctrl.Result{}, err)
	}
	return r.outcome(ctx, request, ctrl.Result{}, r.reconcile(ctx, pool))
}

func (r *SeatPoolReconciler) reconcile(ctx context.Context, pool *usherv1.SeatPool) error {
	if held := controllerutil.ContainsFinalizer(pool, usherv1.SeatPoolFinalizer); !held {
		if pool.DeletionTimestamp != nil {
			return nil
		}
		if err := setFinalizer(ctx, r.Client, pool, usherv1.SeatPoolFinalizer, true); err != nil {
			return err
		}
	}
	around, err := r.surroundings(ctx, r.Client, pool)
	if err != nil {
		return err
	}
	seats := around.seats(pool)
	if grows(pool, seats) {
		// What is given is given by what is, not by what an old cache says.
		if around, err = r.surroundings(ctx, r.Live, pool); err != nil {
			return err
		}
		seats = around.seats(pool)
	}
	candidates, err := r.candidates(ctx, pool, around)
	if err != nil {
		return err
	}
	gone, err := r.gone(ctx, pool, seat.Strangers(pool.Status.Claims, candidates))
	if err != nil {
		return err
	}
	ledger := seat.Allocate(seat.LedgerOf(pool), seats.Capacity(), candidates, gone)
	before := pool.DeepCopy()
	pool.Status = seat.StatusOf(pool, ledger, seats, r.Now())
	if !equality.Semantic.DeepEqual(before.Status, pool.Status) {
		if err := r.Client.Status().Update(ctx, pool); err != nil {
			return err
		}
		r.announceSeatPool(before, pool)
	}
	if pool.DeletionTimestamp != nil && len(pool.Status.Claims) == 0 {
		return client.IgnoreNotFound(setFinalizer(ctx, r.Client, pool, usherv1.SeatPoolFinalizer, false))
	}
	return nil
}

// surroundings are what a pool's seats depend on besides the pool.
type surroundings struct {
	// account is nil if it is not there.
	account *usherv1.Account
	terms   plan.Terms
	// pools of the namespace.
	pools []usherv1.SeatPool
}

func (r *SeatPoolReconciler) surroundings(ctx context.Context, reader client.Reader, pool *usherv1.SeatPool) (s surroundings, err error) {
	if s.account, err = getAccount(ctx, reader, pool.Namespace, pool.Spec.AccountRef.Name); err != nil {
		return s, err
	}
	tier, err := planOf(ctx, reader, s.account)
	if err != nil {
		return s, err
	}
	s.terms = plan.For(s.account, tier)
	var pools usherv1.SeatPoolList
	if err := reader.List(ctx, &pools, listed(pool.Namespace, nil)...); err != nil {
		return s, err
	}
	s.pools = pools.Items
	return s, nil
}

func (s surroundings) seats(pool *usherv1.SeatPool) plan.Seats { return s.terms.SeatsOf(pool, s.pools) }

// grows tells whether a pool is to have more seats than it says.
func grows(pool *usherv1.SeatPool, seats plan.Seats) bool {
	return seats.Capacity() > int(ptr.Deref(pool.Status.Capacity, 0))
}

// candidates are all members of the pool's account.
func (r *SeatPoolReconciler) candidates(ctx context.Context, pool *usherv1.SeatPool, around surroundings) ([]seat.Candidate, error) {
	var members usherv1.MemberList
	if err := r.Client.List(ctx, &members, listed(pool.Namespace, client.MatchingFields{indexAccount: pool.Spec.AccountRef.Name})...); err != nil {
		return nil, err
	}
	candidates := make([]seat.Candidate, 0, len(members.Items))
	for i := range members.Items {
		candidates = append(candidates, seat.CandidateOf(&members.Items[i], pool, around.account, around.terms, around.pools, r.Now()))
	}
	return candidates, nil
}

// gone tells which of the UIDs belong to no Member of the namespace, by a live list.
func (r *SeatPoolReconciler) gone(ctx context.Context, pool *usherv1.SeatPool, uids []string) (map[string]bool, error) {
	if len(uids) == 0 {
		return nil, nil
	}
	gone := make(map[string]bool, len(uids))
	for _, uid := range uids {
		gone[uid] = true
	}
	for next := ""; ; {
		page := &metav1.PartialObjectMetadataList{}
		page.SetGroupVersionKind(usherv1.GroupVersion.WithKind("MemberList"))
		if err := r.Live.List(ctx, page, client.InNamespace(pool.Namespace), client.Limit(livePage), client.Continue(next)); err != nil {
			return nil, err
		}
		for i := range page.Items {
			delete(gone, string(page.Items[i].UID))
		}
		if next = page.Continue; next == "" {
			return gone, nil
		}
	}
}
