// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package seat

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// t0 is the time at which most objects of the tests were created.
var t0 = time.Date(2026, time.March, 1, 9, 0, 0, 0, time.UTC)

func minute(n int) time.Time { return t0.Add(time.Duration(n) * time.Minute) }

// cand returns a candidate that wants a seat, with an address of its own.
func cand(name string, edits ...func(*Candidate)) Candidate {
	c := Candidate{UID: "uid-" + name, Name: name, Email: name + "@acme.example", Created: t0, Wants: true}
	for _, edit := range edits {
		edit(&c)
	}
	return c
}

func unwilling(c *Candidate) { c.Wants = false }
func active(c *Candidate)    { c.Active = true }
func created(n int) func(*Candidate) {
	return func(c *Candidate) { c.Created = minute(n) }
}
func acceptedAt(n int) func(*Candidate) {
	return func(c *Candidate) { c.AcceptedAt = minute(n) }
}
func holding(grant int64) func(*Candidate) {
	return func(c *Candidate) { c.Grant = grant }
}
func gaveBack(grant int64) func(*Candidate) {
	return func(c *Candidate) { c.Grant, c.ReleasedGrant = grant, grant }
}
func address(email string) func(*Candidate) {
	return func(c *Candidate) { c.Email = email }
}

// ledger returns a ledger with claims by member name.
func ledger(last int64, claims map[string]int64) Ledger {
	l := Ledger{LastGrant: last, Claims: map[string]int64{}}
	for name, grant := range claims {
		l.Claims["uid-"+name] = grant
	}
	return l
}

func pool(name string, edits ...func(*usherv1.SeatPool)) usherv1.SeatPool {
	p := usherv1.SeatPool{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "acme", Generation: 1}}
	p.Spec.AccountRef.Name = "acme"
	p.Spec.Reservation = usherv1.ReserveOnInvitation
	for _, edit := range edits {
		edit(&p)
	}
	return p
}

func addOn(name string) func(*usherv1.SeatPool) {
	return func(p *usherv1.SeatPool) { p.Spec.AddOn = name }
}
func ofAccount(name string) func(*usherv1.SeatPool) {
	return func(p *usherv1.SeatPool) { p.Spec.AccountRef.Name = name }
}
func terminating(p *usherv1.SeatPool) { p.DeletionTimestamp = &metav1.Time{Time: t0} }
func allowed(p *usherv1.SeatPool) {
	p.Annotations = map[string]string{usherv1.AllowDeletionAnnotation: "true"}
}
func claimedBy(name string, grant int64) func(*usherv1.SeatPool) {
	return func(p *usherv1.SeatPool) {
		p.Status.ObservedGeneration, p.Status.Claims = 1, map[string]int64{"uid-" + name: grant}
	}
}
func onAcceptance(p *usherv1.SeatPool) { p.Spec.Reservation = usherv1.ReserveOnAcceptance }
func seats(n int32) func(*usherv1.SeatPool) {
	return func(p *usherv1.SeatPool) { p.Spec.Seats = &n }
}

func member(name string, edits ...func(*usherv1.Member)) *usherv1.Member {
	m := &usherv1.Member{ObjectMeta: metav1.ObjectMeta{
		Name: name, Namespace: "acme", UID: types.UID("uid-" + name), Generation: 1, CreationTimestamp: metav1.Time{Time: t0},
	}}
	m.Spec.AccountRef.Name = "acme"
	m.Spec.Email = usherv1.EmailAddress(name + "@acme.example")
	m.Spec.State = usherv1.StateActive
	for _, edit := range edits {
		edit(m)
	}
	return m
}

func from(pools ...string) func(*usherv1.Member) {
	return func(m *usherv1.Member) {
		for _, p := range pools {
			m.Spec.SeatPoolRefs = append(m.Spec.SeatPoolRefs, usherv1.SeatPoolReference{Name: p})
		}
	}
}
func seated(pool, addOn string, grant, released int64) func(*usherv1.Member) {
	return func(m *usherv1.Member) {
		m.Status.Seats = append(m.Status.Seats, usherv1.MemberSeat{Pool: pool, AddOn: addOn, Grant: grant, ReleasedGrant: released})
	}
}
func because(reason string) func(*usherv1.Member) {
	return func(m *usherv1.Member) {
		m.Status.Conditions = []metav1.Condition{{Type: usherv1.ConditionReady, Status: metav1.ConditionFalse, Reason: reason}}
	}
}

func account(edits ...func(*usherv1.Account)) *usherv1.Account {
	a := &usherv1.Account{ObjectMeta: metav1.ObjectMeta{Name: "acme", Namespace: "acme", Generation: 1}}
	a.Spec.State = usherv1.StateActive
	for _, edit := range edits {
		edit(a)
	}
	return a
}

func onPlan(a *usherv1.Account) { a.Spec.PlanRef = &usherv1.PlanReference{Name: "starter"} }

func as(role string) func(*usherv1.Member) {
	return func(m *usherv1.Member) { m.Spec.Role = role }
}
func may(right usherv1.Right) func(*usherv1.Member) {
	return func(m *usherv1.Member) { m.Spec.Rights = append(m.Spec.Rights, right) }
}

// aPlan returns a plan with one role and one right.
func aPlan() *usherv1.Plan {
	return &usherv1.Plan{ObjectMeta: metav1.ObjectMeta{Name: "starter"}, Spec: usherv1.PlanSpec{
		Roles: []usherv1.PlanRole{{Name: "seller"}}, DefaultRole: "seller", Rights: []usherv1.PlanRight{{Name: "orders:place"}},
	}}
}

func hasAccepted(m *usherv1.Member) { m.Status.AcceptedAt = &metav1.Time{Time: t0} }
func restored(c *Candidate)         { c.Restored = true }
