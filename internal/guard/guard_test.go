// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

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

// Who counts as another admin, so that the first may go.
func TestLastAdmin(t *testing.T) {
	for name, c := range map[string]struct {
		other   func(*usherv1.Member)
		refused bool
	}{
		"another Active admin":     {func(*usherv1.Member) {}, false},
		"one of another account":   {func(m *usherv1.Member) { m.Spec.AccountRef.Name = "globex" }, true},
		"one who is leaving":       {func(m *usherv1.Member) { m.DeletionTimestamp = &metav1.Time{Time: now} }, true},
		"one who is disabled":      {func(m *usherv1.Member) { m.Spec.State = usherv1.StateDisabled }, true},
		"one who has not accepted": {func(m *usherv1.Member) { m.Status.State = usherv1.ObservedPending }, true},
		"one whose access ended":   {func(m *usherv1.Member) { m.Spec.AccessUntil = &metav1.Time{Time: now} }, true},
		"a member":                 {func(m *usherv1.Member) { m.Status.Role = "member" }, true},
	} {
		ada := member("ada", "admin")
		all := []usherv1.Member{*ada, *member("bob", "admin", c.other)}
		if got := LastAdmin(ada, nil, all, terms, now); (got != "") != c.refused {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// What is nobody's loss is not asked about.
func TestThreatens(t *testing.T) {
	ada := member("ada", "admin")
	for name, c := range map[string]struct {
		before, after *usherv1.Member
		want          bool
	}{
		"a deletion":           {ada, nil, true},
		"another name":         {ada, member("ada", "admin", func(m *usherv1.Member) { m.Spec.GivenName = "Ada" }), false},
		"a member's":           {member("bob", "member"), nil, false},
		"a Pending admin's":    {member("ada", "admin", func(m *usherv1.Member) { m.Status.State = usherv1.ObservedPending }), nil, false},
		"a second time":        {member("ada", "admin", func(m *usherv1.Member) { m.DeletionTimestamp = &metav1.Time{Time: now} }), nil, false},
		"an end taken away":    {member("ada", "admin", func(m *usherv1.Member) { m.Spec.AccessUntil = &metav1.Time{Time: now} }), ada, false},
		"the same in capitals": {ada, member("ada", "admin", func(m *usherv1.Member) { m.Spec.Email = "ADA@acme.example" }), false},
	} {
		if got := Threatens(c.before, c.after, terms); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
