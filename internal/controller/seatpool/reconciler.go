// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package seatpool reconciles SeatPools: it alone adds and drops the claims of their ledgers. Package seat has the rules.
package seatpool

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/reconciler"
	"github.com/usher-dev/usher/internal/seat"
	"github.com/usher-dev/usher/internal/store"
	"github.com/usher-dev/usher/internal/undecodable"
)

// Reconciler reconciles SeatPools.
type Reconciler struct {
	reconciler.Base
	pace *reconciler.Pace
}

// Reconcile brings one ledger up to date, with one write for all that changed.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	pool := &usherv1.SeatPool{}
	found, err := store.Get(ctx, r.Reader(request), request.Namespace, request.Name, pool)
	var result ctrl.Result
	if err == nil && found {
		result, err = r.reconcile(ctx, pool)
	}
	if err == nil && !found {
		r.pace.Forget(request.NamespacedName)
	}
	return r.Finish(ctx, request, result, err)
}

func (r *Reconciler) reconcile(ctx context.Context, pool *usherv1.SeatPool) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(pool, usherv1.SeatPoolFinalizer) {
		if pool.DeletionTimestamp != nil {
			return ctrl.Result{}, nil
		}
		if err := store.SetFinalizer(ctx, r.Client, pool, usherv1.SeatPoolFinalizer, true); err != nil {
			return ctrl.Result{}, err
		}
	}
	cached, err := r.observe(ctx, r.Client, pool)
	if err != nil {
		return ctrl.Result{}, err
	}
	around, size, err := reconciler.DecideLive(cached, func(s surroundings) capacity { return s.capacityOf(pool) },
		func() (surroundings, error) { return r.observeLive(ctx, pool) })
	if err != nil {
		return ctrl.Result{}, err
	}
	if size.recordsIncluded {
		record := map[string]string{usherv1.IncludedSeatsAnnotation: size.included}
		if err := store.Annotate(ctx, r.Client, r.Live, pool, record); err != nil {
			return ctrl.Result{}, err
		}
	}
	candidates, err := r.candidates(ctx, pool, around)
	if err != nil {
		return ctrl.Result{}, err
	}
	gone, err := r.gone(ctx, pool, seat.Strangers(pool.Status.Claims, candidates))
	if err != nil {
		return ctrl.Result{}, err
	}
	ledger := seat.Allocate(seat.LedgerOf(pool), size.seats.Capacity(), candidates, gone)
	before := pool.DeepCopy()
	status, wake := seat.StatusOf(pool, ledger, size.seats, r.Now())
	pool.Status = status
	if !equality.Semantic.DeepEqual(before.Status, pool.Status) {
		if err := store.UpdateStatus(ctx, r.Client, pool); err != nil {
			return ctrl.Result{}, err
		}
		r.emit(before, pool)
	}
	if pool.DeletionTimestamp != nil && len(pool.Status.Claims) == 0 {
		return ctrl.Result{}, client.IgnoreNotFound(store.SetFinalizer(ctx, r.Client, pool, usherv1.SeatPoolFinalizer, false))
	}
	return r.WakeAt(wake), nil
}

// surroundings are what a pool's capacity depends on besides the pool.
type surroundings struct {
	// account is nil if it does not exist.
	account *usherv1.Account
	// plan of the account; nil if it does not exist.
	plan  *usherv1.Plan
	terms plan.Terms
	// pools of the namespace.
	pools []usherv1.SeatPool
}

// capacity is how many seats a pool has.
type capacity struct {
	seats plan.Seats
	grows bool
	// recordsIncluded: it has to be recorded whether the pool has the seats that the plan includes. included is what is recorded.
	recordsIncluded bool
	included        string
}

// NeedsLiveReads reports whether the pool gets more seats, or keeps them for good: that is decided by what is, not by what an old cache
// says.
func (c capacity) NeedsLiveReads() bool { return c.grows || c.recordsIncluded }

func (s surroundings) capacityOf(pool *usherv1.SeatPool) capacity {
	seats := s.terms.SeatsOf(pool, s.pools)
	if s.account == nil {
		seats = plan.SeatsWithoutAccount(pool)
	}
	c := capacity{seats: seats, grows: seats.Capacity() > int(ptr.Deref(pool.Status.Capacity, 0))}
	if s.account != nil {
		c.included, c.recordsIncluded = s.terms.IncludedRecord(pool, s.pools, seats)
	}
	return c
}

// observe loads the pool's surroundings through reader.
func (r *Reconciler) observe(ctx context.Context, reader client.Reader, pool *usherv1.SeatPool) (s surroundings, err error) {
	if s.account, err = store.Account(ctx, reader, pool.Namespace, pool.Spec.AccountRef.Name); err != nil {
		return s, err
	}
	if s.plan, err = store.Plan(ctx, reader, s.account); err != nil {
		return s, err
	}
	s.terms = plan.For(s.account, s.plan)
	var pools usherv1.SeatPoolList
	err = store.List(ctx, reader, &pools, pool.Namespace, "", "")
	s.pools = pools.Items
	return s, store.AnyUndecodable(err, s.pools, func(p *usherv1.SeatPool) bool { return p.Spec.AccountRef == pool.Spec.AccountRef })
}

// observeLive loads the pool's surroundings from the API server as they were at one moment. An Account and a Plan that were never together
// could give the pool seats that it was never entitled to. The error is a conflict if one of them has changed meanwhile.
func (r *Reconciler) observeLive(ctx context.Context, pool *usherv1.SeatPool) (surroundings, error) {
	s, err := r.observe(ctx, r.Live, pool)
	if err != nil {
		return s, err
	}
	account, err := store.Account(ctx, r.Live, pool.Namespace, pool.Spec.AccountRef.Name)
	if err != nil {
		return s, err
	}
	of, err := store.Plan(ctx, r.Live, account)
	if err != nil {
		return s, err
	}
	if !sameSpec(s.account, account) || !sameSpec(s.plan, of) {
		return s, apierrors.NewConflict(usherv1.GroupVersion.WithResource("seatpools").GroupResource(), pool.Name, errChanged)
	}
	return s, nil
}

// errChanged is the error of reads between which the account or its plan has changed.
var errChanged = errors.New("its account or plan has changed")

// sameSpec reports whether two reads found the same object with the same spec, or both none.
func sameSpec[T any, P interface {
	*T
	client.Object
}](a, b P) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.GetUID() == b.GetUID() && a.GetGeneration() == b.GetGeneration()
}

// candidates returns all members of the pool's account as the ledger sees them.
func (r *Reconciler) candidates(ctx context.Context, pool *usherv1.SeatPool, around surroundings) ([]seat.Candidate, error) {
	members, err := store.Members(ctx, r.Client, pool.Namespace, store.ByAccount, pool.Spec.AccountRef.Name)
	if err != nil {
		return nil, err
	}
	r.pace.Went(client.ObjectKeyFromObject(pool), len(members))
	candidates := make([]seat.Candidate, 0, len(members))
	for i := range members {
		candidate := seat.CandidateOf(&members[i], pool, around.account, around.terms, around.pools, r.Now())
		if undecodable.Of(&members[i]) != nil {
			candidate.Wants = false // it keeps the claim that it has
		} else if candidate.Restored, err = r.restored(ctx, &members[i], around.account); err != nil {
			return nil, err
		}
		candidates = append(candidates, candidate)
	}
	return candidates, nil
}

// restored reports whether a Member had accepted before it was restored from a backup, and its status does not say so yet.
func (r *Reconciler) restored(ctx context.Context, member *usherv1.Member, account *usherv1.Account) (bool, error) {
	if member.Status.State != "" || member.DeletionTimestamp != nil {
		return false, nil
	}
	secret := store.SecretMetadata()
	found, err := store.Get(ctx, r.Client, member.Namespace, credentials.Name(member.Name), secret)
	return found && credentials.MayBeRestored(secret, member, account), err
}

// gone returns which of the UIDs belong to no Member of the namespace, by a live list.
func (r *Reconciler) gone(ctx context.Context, pool *usherv1.SeatPool, uids []string) (map[string]bool, error) {
	if len(uids) == 0 {
		return nil, nil
	}
	gone := make(map[string]bool, len(uids))
	for _, uid := range uids {
		gone[uid] = true
	}
	err := store.EachPage(ctx, r.Live, usherv1.GroupVersion.WithKind("Member"), pool.Namespace,
		func(page *metav1.PartialObjectMetadataList) error {
			for i := range page.Items {
				delete(gone, string(page.Items[i].UID))
			}
			return nil
		})
	return gone, err
}
