// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seat

import (
	"fmt"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/plan"
)

func setFull(w conditions.Writer, pool *usherv1.SeatPool, ledger Ledger, seats plan.Seats) {
	capacity, claims := seats.Capacity(), len(ledger.Claims)
	if claims < min(capacity, MaxClaims) {
		w.Set(usherv1.ConditionFull, false, usherv1.ReasonSeatsAvailable, "")
		return
	}
	bought := claims - int(seats.Included) + max(1, ledger.Waiting)
	w.Set(usherv1.ConditionFull, true, usherv1.ReasonAllSeatsTaken,
		fmt.Sprintf("All %d seats are claimed; %s", min(capacity, MaxClaims), howToAdd(pool, seats, bought)))
}

// HowToAdd says how to have more seats in a full pool. Unlike the pool's condition Full, it does not say how many, so that the members that
// wait need no new message, and no write, whenever seats are added or another member comes or goes.
func HowToAdd(pool *usherv1.SeatPool, seats plan.Seats) string {
	if why := cannotAdd(pool, seats); why != "" {
		return why
	}
	return fmt.Sprintf("add seats with: kubectl scale seatpool %s -n %s --replicas=N (condition Full of the SeatPool names the N)",
		pool.Name, pool.Namespace)
}

// howToAdd says how to have that many bought seats, or what to do if they are not for sale.
func howToAdd(pool *usherv1.SeatPool, seats plan.Seats, bought int) string {
	if why := cannotAdd(pool, seats); why != "" {
		return why
	}
	return fmt.Sprintf("add some with: kubectl scale seatpool %s -n %s --replicas=%d",
		pool.Name, pool.Namespace, min(bought, int(seats.Most)))
}

// cannotAdd says why no seats can be added, and what to do; empty if they can.
func cannotAdd(pool *usherv1.SeatPool, seats plan.Seats) string {
	switch {
	case seats.Capacity() >= MaxClaims:
		return fmt.Sprintf("one SeatPool holds %d members at most; create another one in the account, and name it in spec.seatPoolRefs "+
			"of further Members", MaxClaims)
	case seats.Problem != "":
		return "see condition Ready of SeatPool " + pool.Name + " for why no more count"
	case seats.Bought >= seats.Most:
		return "no more can be bought; " + seats.Advice
	}
	return ""
}

func setOverCapacity(w conditions.Writer, claims, capacity int) {
	if claims <= capacity {
		w.Set(usherv1.ConditionOverCapacity, false, usherv1.ReasonWithinCapacity, "")
		return
	}
	w.Set(usherv1.ConditionOverCapacity, true, usherv1.ReasonSeatsReduced, fmt.Sprintf(
		"%d seats are claimed and there are %d; no one is evicted, and none are given until %d came back", claims, capacity, claims-capacity+1))
}

// readySentence finds the first thing that keeps the pool from being Ready.
func readySentence(pool *usherv1.SeatPool, ledger Ledger, seats plan.Seats) conditions.Sentence {
	switch {
	case pool.DeletionTimestamp != nil && ledger.Staying > 0 && !TakesBack(pool):
		return saysSeatsInUse(pool, ledger.Staying)
	case pool.DeletionTimestamp != nil:
		return saysDeleting(len(ledger.Claims))
	case seats.Problem == "":
		return saysLedgerCurrent()
	}
	return saysSeatsDoNotCount(seats)
}

// Each sentence that a SeatPool's Ready condition can say is one of the functions below.

func saysDeleting(claims int) conditions.Sentence {
	return conditions.Sentence{
		Outlook: conditions.Working, Reason: usherv1.ReasonDeleting,
		Message: fmt.Sprintf("Waiting for %d members to give their seats back", claims),
	}
}

// saysSeatsInUse: the pool would take access from members, and no user has allowed that.
func saysSeatsInUse(pool *usherv1.SeatPool, members int) conditions.Sentence {
	return conditions.Sentence{
		Outlook: conditions.Stuck, Reason: usherv1.ReasonSeatsInUse,
		Message: fmt.Sprintf("The pool is being deleted; no new seat is given, and %d members keep theirs until spec.seatPoolRefs of each names "+
			"another pool. To end their access instead: kubectl annotate seatpool %s -n %s %s=true",
			members, pool.Name, pool.Namespace, usherv1.AllowDeletionAnnotation),
	}
}

func saysLedgerCurrent() conditions.Sentence {
	return conditions.Sentence{Outlook: conditions.Done, Reason: usherv1.ReasonLedgerCurrent}
}

// saysSeatsDoNotCount: the plan does not sell all the seats that the pool asks for.
func saysSeatsDoNotCount(seats plan.Seats) conditions.Sentence {
	return conditions.Sentence{Outlook: conditions.Stuck, Reason: seats.Reason, Message: seats.Problem, Graced: seats.Missing}
}
