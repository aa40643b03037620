// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// Rule is a CEL rule of the CRDs that is written in Go here. A test compares its text with the CRDs.
type Rule string

// The rules that the proof in package seat assumes.
const (
	// LedgerBound: a ledger does not grow beyond the capacity.
	LedgerBound Rule = "!has(self.status) || !has(self.status.claims) || (has(oldSelf.status) && has(oldSelf.status.claims) && size(self.status.claims) <= size(oldSelf.status.claims)) || (has(self.status.capacity) && size(self.status.claims) <= self.status.capacity && size(self.status.claims) <= (has(self.spec.seats) ? self.spec.seats : 0) + (has(self.status.included) ? self.status.included : 0))"
	// ActiveHoldsSeat: an Active member holds a base seat.
	ActiveHoldsSeat Rule = "!has(self.state) || self.state != 'Active' || (has(self.seats) && self.seats.exists(s, !has(s.addOn) && s.grant > s.releasedGrant))"
	// ReleaseOnlyGrows: releasedGrant does not go down.
	ReleaseOnlyGrows Rule = "!has(self.seats) || !has(oldSelf.seats) || self.seats.all(s, oldSelf.seats.all(o, o.pool != s.pool || o.releasedGrant <= s.releasedGrant))"
	// SendGenerationOnlyGrows: sendGeneration does not go down.
	SendGenerationOnlyGrows Rule = "self >= oldSelf"
	// AcceptedStaysOpen: an invitation that was accepted is not revoked.
	AcceptedStaysOpen Rule = "self.spec.state != 'Revoked' || oldSelf.spec.state == 'Revoked' || !has(self.status) || !has(self.status.state) || self.status.state != 'Accepted'"
)

// admit applies the rules to an object that replaces old; old is nil if the object is new.
func (a *API) admit(old, next client.Object) error {
	switch next := next.(type) {
	case *usherv1.SeatPool:
		if was, _ := old.(*usherv1.SeatPool); was != nil && !withinBounds(was, next) {
			return a.refuse(LedgerBound, next)
		}
	case *usherv1.Member:
		if next.Status.State == usherv1.ObservedActive && !holdsBase(next) {
			return a.refuse(ActiveHoldsSeat, next)
		}
		if was, _ := old.(*usherv1.Member); was != nil && releaseShrinks(was, next) {
			return a.refuse(ReleaseOnlyGrows, next)
		}
	case *usherv1.Invitation:
		if was, _ := old.(*usherv1.Invitation); was != nil {
			return a.admitInvitation(was, next)
		}
	}
	return nil
}

func (a *API) admitInvitation(was, next *usherv1.Invitation) error {
	if next.Spec.SendGeneration < was.Spec.SendGeneration {
		return a.refuse(SendGenerationOnlyGrows, next)
	}
	if was.Spec.State != next.Spec.State && next.Spec.State == usherv1.InvitationRevokedWish &&
		next.Status.State == usherv1.InvitationAccepted {
		return a.refuse(AcceptedStaysOpen, next)
	}
	return nil
}

func (a *API) refuse(rule Rule, o client.Object) error {
	if a.without[rule] {
		return nil
	}
	kind := strings.TrimSuffix(kindOf(o).String(), "s")
	return apierrors.NewInvalid(usherv1.GroupVersion.WithKind(kind).GroupKind(), o.GetName(),
		field.ErrorList{field.Forbidden(field.NewPath("status"), string(rule))})
}

// withinBounds is LedgerBound.
func withinBounds(old, next *usherv1.SeatPool) bool {
	claims := len(next.Status.Claims)
	return claims == 0 || claims <= len(old.Status.Claims) ||
		next.Status.Capacity != nil && claims <= int(*next.Status.Capacity) && claims <= capacityOf(next)
}

// capacityOf returns the number of seats that are bought or included in the plan.
func capacityOf(pool *usherv1.SeatPool) int {
	return int(ptr.Deref(pool.Spec.Seats, 0)) + int(pool.Status.Included)
}

// holdsBase is ActiveHoldsSeat.
func holdsBase(m *usherv1.Member) bool {
	for _, s := range m.Status.Seats {
		if s.AddOn == "" && s.Held() {
			return true
		}
	}
	return false
}

// releaseShrinks is the opposite of ReleaseOnlyGrows.
func releaseShrinks(old, next *usherv1.Member) bool {
	for _, s := range next.Status.Seats {
		for _, o := range old.Status.Seats {
			if o.Pool == s.Pool && o.ReleasedGrant > s.ReleasedGrant {
				return true
			}
		}
	}
	return false
}

// setDefaults sets the defaults of the schemas.
func setDefaults(o client.Object) {
	set := func(field *usherv1.State) {
		if *field == "" {
			*field = usherv1.StateActive
		}
	}
	switch o := o.(type) {
	case *usherv1.Account:
		set(&o.Spec.State)
		if o.Spec.Language == "" {
			o.Spec.Language = usherv1.DefaultLanguage
		}
		if o.Spec.Invitations.TTL == "" {
			o.Spec.Invitations.TTL = "168h"
		}
		if o.Spec.Invitations.Reminders == nil {
			o.Spec.Invitations.Reminders = []usherv1.Lead{"48h"}
		}
	case *usherv1.SeatPool:
		if o.Spec.Seats == nil {
			o.Spec.Seats = ptr.To[int32](0)
		}
		if o.Spec.Reservation == "" {
			o.Spec.Reservation = usherv1.ReserveOnInvitation
		}
	case *usherv1.Member:
		set(&o.Spec.State)
		if o.Spec.Activation == "" {
			o.Spec.Activation = usherv1.ActivateByInvitation
		}
	case *usherv1.Invitation:
		if o.Spec.SendGeneration == 0 {
			o.Spec.SendGeneration = 1
		}
		if o.Spec.State == "" {
			o.Spec.State = usherv1.InvitationOpen
		}
	}
}

// clearStatus sets the status of a new object.
func clearStatus(o client.Object) {
	switch o := o.(type) {
	case *usherv1.Account:
		o.Status = usherv1.AccountStatus{ObservedGeneration: -1}
	case *usherv1.SeatPool:
		o.Status = usherv1.SeatPoolStatus{ObservedGeneration: -1}
	case *usherv1.Member:
		o.Status = usherv1.MemberStatus{ObservedGeneration: -1}
	case *usherv1.Invitation:
		o.Status = usherv1.InvitationStatus{ObservedGeneration: -1}
	case *usherv1.Plan:
		o.Status = usherv1.PlanStatus{ObservedGeneration: -1}
	}
}
