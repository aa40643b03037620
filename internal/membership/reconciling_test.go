// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/conditions"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/seat"
)

// isReconciling reports whether an object says that Usher has work to do, and what it says of it.
func isReconciling(list []metav1.Condition) (says string, yes bool) {
	c := meta.FindStatusCondition(list, reconciling)
	if c == nil {
		return "", false
	}
	return c.Reason + ": " + c.Message, c.Status == metav1.ConditionTrue
}

// endless returns an error if an object is Reconciling and nothing ends that: no timer of its own, no probe of the mail server, and no
// other object that it waits for and that is Reconciling itself.
func (s *situation) endless() error {
	// A mail server that is not ready, or was never probed, is probed.
	probed := s.account != nil && !meta.IsStatusConditionTrue(s.account.Status.Conditions, usherv1.ConditionMailReady)
	if s.account != nil && s.account.DeletionTimestamp == nil { // only finalizers of others keep one that is being deleted
		_, wake := Summarize(s.accountObservation(), now)
		if says, yes := isReconciling(s.account.Status.Conditions); yes && wake.IsZero() && !probed {
			return fmt.Errorf("the account is Reconciling for ever: %s", says)
		}
	}
	for _, p := range s.pools {
		if says, yes := isReconciling(p.Status.Conditions); yes && s.poolWake(p).IsZero() {
			return fmt.Errorf("pool %s is Reconciling for ever: %s", p.Name, says)
		}
	}
	for _, m := range s.members {
		inv, invReconciling, invWake := s.invitations[m.Name], false, time.Time{}
		if inv != nil {
			_, invReconciling = isReconciling(inv.Status.Conditions)
			invWake = invite.Decide(s.invitationObservation(m), now).Wake
		}
		says, memberReconciling := isReconciling(m.Status.Conditions)
		deleted := m.DeletionTimestamp != nil // the controller looks again every two seconds
		wake := s.decide(s.observe(m), now).Wake
		ends := !wake.IsZero() || deleted || probed
		if memberReconciling && !ends && (!invReconciling || invWake.IsZero()) {
			return fmt.Errorf("member %s is Reconciling for ever: %s", m.Name, says)
		}
		if invReconciling && invWake.IsZero() && !probed && !(memberReconciling && ends) {
			says, _ := isReconciling(inv.Status.Conditions)
			return fmt.Errorf("the invitation of %s is Reconciling for ever: %s", m.Name, says)
		}
	}
	return nil
}

// Whatever happened before, an object at rest that is Reconciling has something that ends it.
func TestReconcilingEnds(t *testing.T) {
	check := func(s *situation) error {
		if _, err := s.rest(); err != nil {
			return err
		}
		return s.endless()
	}
	rapid.Check(t, func(t *rapid.T) {
		if err := check(anySituation(t)); err != nil {
			t.Fatal(err)
		}
	})
	situations, seen := rapid.Custom(anySituation), 0
	for seed := range 3000 {
		s := situations.Example(seed)
		if err := check(s); err != nil {
			t.Fatalf("situation %d: %v", seed, err)
		}
		for _, m := range s.members {
			if _, yes := isReconciling(m.Status.Conditions); yes {
				seen++
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d members were Reconciling", seen)
	}
}

// A decision that forgets to wake its member is noticed.
func TestReconcilingEndsNoticesAMissingTimer(t *testing.T) {
	situations := rapid.Custom(anySituation)
	for seed := range 3000 {
		s := situations.Example(seed)
		s.decide = func(o Observation, now time.Time) Decision {
			d := Decide(o, now)
			if conditions.Reason(d.Status.Conditions, ready) == usherv1.ReasonSeatPoolNotFound {
				d.Wake = time.Time{}
			}
			return d
		}
		if _, err := s.rest(); err == nil && s.endless() != nil {
			return
		}
	}
	t.Fatal("not noticed")
}

func (s *situation) poolWake(p *usherv1.SeatPool) time.Time {
	seats := s.seatsOf(p)
	_, wake := seat.StatusOf(p, seat.LedgerOf(p), seats, s.poolClock)
	return wake
}

func (s *situation) seatsOf(p *usherv1.SeatPool) plan.Seats {
	if s.account == nil || s.account.DeletionTimestamp != nil {
		return plan.SeatsWithoutAccount(p)
	}
	return plan.For(s.account, s.plan).SeatsOf(p, s.allPools())
}

func (s *situation) allPools() (pools []usherv1.SeatPool) {
	for _, p := range s.pools {
		pools = append(pools, *p)
	}
	return pools
}
