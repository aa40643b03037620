// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/plan"
)

var (
	now   = time.Date(2026, time.March, 8, 9, 30, 0, 0, time.UTC)
	terms = plan.For(nil, nil) // roles admin and member
)

func member(name, role string, edits ...func(*usherv1.Member)) *usherv1.Member {
	m := &usherv1.Member{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}}
	m.Spec.AccountRef.Name, m.Spec.Role, m.Spec.Email = "acme", role, usherv1.EmailAddress(name+"@acme.example")
	m.Status.State, m.Status.Role = usherv1.ObservedActive, role
	for _, e := range edits {
		e(m)
	}
	return m
}

// TestLastAdmin checks which members count as another admin, so that an admin may be deleted.
func TestLastAdmin(t *testing.T) {
	for name, c := range map[string]struct {
		other   func(*usherv1.Member)
		refused bool
	}{
		"another Active admin":           {func(*usherv1.Member) {}, false},
		"an admin of another account":    {func(m *usherv1.Member) { m.Spec.AccountRef.Name = "globex" }, true},
		"an admin that is being deleted": {func(m *usherv1.Member) { m.DeletionTimestamp = &metav1.Time{Time: now} }, true},
		"a disabled admin":               {func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled }, true},
		"an admin that has not accepted": {func(m *usherv1.Member) { m.Status.State = usherv1.ObservedPending }, true},
		"an admin whose access ended":    {func(m *usherv1.Member) { m.Spec.AccessUntil = &metav1.Time{Time: now} }, true},
		"a member":                       {func(m *usherv1.Member) { m.Status.Role = "member" }, true},
	} {
		ada := member("ada", "admin")
		all := []usherv1.Member{*ada, *member("bob", "admin", c.other)}
		if got, warning := LastAdmin(ada, nil, all, terms, now); (got != "") != c.refused || warning != "" {
			t.Errorf("%s: %q, %q", name, got, warning)
		}
	}
}

func disabled(m *usherv1.Member)  { m.Spec.State = usherv1.StateDisabled }
func leaving(m *usherv1.Member)   { m.DeletionTimestamp = &metav1.Time{Time: now} }
func immediate(m *usherv1.Member) { m.Spec.Activation = usherv1.ActivateImmediately }
func named(m *usherv1.Member)     { m.Spec.GivenName = "Ada" }
func demoted(m *usherv1.Member)   { m.Spec.Role = "member" }
func at(address usherv1.EmailAddress) func(*usherv1.Member) {
	return func(m *usherv1.Member) { m.Spec.Email = address }
}
func until(d time.Duration) func(*usherv1.Member) {
	return func(m *usherv1.Member) { m.Spec.AccessUntil = &metav1.Time{Time: now.Add(d)} }
}

// TestThreatens checks that a change that takes no admin away needs no further check.
func TestThreatens(t *testing.T) {
	ada := func(edits ...func(*usherv1.Member)) *usherv1.Member { return member("ada", "admin", edits...) }
	pending := func(m *usherv1.Member) { m.Status.State = usherv1.ObservedPending }
	for name, c := range map[string]struct {
		before, after *usherv1.Member
		want          bool
	}{
		"a deletion":                      {ada(), nil, true},
		"another name":                    {ada(), ada(named), false},
		"the deletion of a member":        {member("bob", "member"), nil, false},
		"the deletion of a Pending admin": {ada(pending), nil, false},
		"being deleted already":           {ada(leaving), nil, false},
		"disabled":                        {ada(), ada(disabled), true},
		"disabled already":                {ada(disabled), ada(disabled, named), false},
		"demoted":                         {ada(), ada(demoted), true},
		"demoted already":                 {ada(demoted), ada(demoted, named), false},
		"access ends now":                 {ada(), ada(until(0)), true},
		"access ends later":               {ada(), ada(until(time.Hour)), true},
		"access ends earlier":             {ada(until(2 * time.Hour)), ada(until(time.Hour)), true},
		"access ends later than before":   {ada(until(time.Hour)), ada(until(2 * time.Hour)), false},
		"access no longer ends":           {ada(until(time.Hour)), ada(), false},
		"another address":                 {ada(), ada(at("lovelace@acme.example")), false},
		"another address at once":         {ada(immediate), ada(immediate, at("lovelace@acme.example")), true},
		"the same address in capitals":    {ada(immediate), ada(immediate, at("ADA@acme.example")), false},
	} {
		if got := Threatens(c.before, c.after, terms, now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestLastAdminWithoutARole covers an admin by the plan's ownerRole, whose spec names no role: the account's first member.
func TestLastAdminWithoutARole(t *testing.T) {
	admins := usherv1.PlanRole{Name: "admin", AccountAdmin: ptr.To(true)}
	account := &usherv1.Account{Spec: usherv1.AccountSpec{PlanRef: &usherv1.PlanReference{Name: "pro"}}}
	owned := plan.For(account, &usherv1.Plan{Spec: usherv1.PlanSpec{Roles: []usherv1.PlanRole{admins, {Name: "seller"}}, DefaultRole: "seller",
		OwnerRole: "admin"}})
	every := plan.For(account, &usherv1.Plan{Spec: usherv1.PlanSpec{Roles: []usherv1.PlanRole{admins}, DefaultRole: "admin"}})
	ada := func(role string, edits ...func(*usherv1.Member)) *usherv1.Member {
		m := member("ada", role, edits...)
		m.Status.Role, m.Status.ActivatedAt = "admin", &metav1.Time{Time: now}
		return m
	}
	next := func(m *usherv1.Member) { m.Generation++ }
	firstMember := member("zoe", "seller", func(m *usherv1.Member) { m.CreationTimestamp.Time = now.Add(-time.Hour) })
	young := func(m *usherv1.Member) { m.CreationTimestamp.Time = now }
	for name, c := range map[string]struct {
		before, after *usherv1.Member
		others        []usherv1.Member
		terms         plan.Terms
		refused       bool
	}{
		"the first, with another name":              {ada("", young), ada("", young, next, named), nil, owned, false},
		"the first, made a seller":                  {ada("", young), ada("seller", young, next), nil, owned, true},
		"the first, its role removed from spec":     {ada("admin", young), ada("", young, next), nil, owned, false},
		"not the first, its role removed from spec": {ada("admin", young), ada("", young, next), []usherv1.Member{*firstMember}, owned, true},
		"the default role is an admin's, its role removed": {ada("admin", young), ada("", young, next), []usherv1.Member{*firstMember}, every,
			false},
		"a plan that does not exist": {ada("admin", young), nil, nil, plan.For(account, nil), false},
	} {
		if got, _ := LastAdmin(c.before, c.after, append(c.others, *c.before), c.terms, now); (got != "") != c.refused {
			t.Errorf("%s: %q", name, got)
		}
	}
}
