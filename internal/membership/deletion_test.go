// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// leaving returns the Observation of a Member that is being deleted, has lost its access and owns three objects. Its account has a plan.
func leaving(edits ...edit) Observation {
	return observed(append([]edit{deleting, was(usherv1.ObservedDisabled), remembersUID(adaUID), func(o *Observation) {
		o.Account.Spec.PlanRef = &usherv1.PlanReference{Name: "pro"}
		o.OwnedObjects = OwnedObjects{Count: 3, Names: []string{"Deal a", "Deal b", "Deal c"}}
	}}, edits...)...)
}

func reassignTo(name string, edits ...func(*usherv1.Member)) edit {
	return func(o *Observation) {
		o.Member.Spec.ReassignTo = &usherv1.MemberReference{Name: name}
		successor := &usherv1.Member{Spec: usherv1.MemberSpec{AccountRef: o.Member.Spec.AccountRef}}
		successor.Name, successor.UID, successor.Status.State = name, "uid-successor", usherv1.ObservedActive
		for _, e := range edits {
			e(successor)
		}
		o.Successor = successor
	}
}

func TestDeletion(t *testing.T) {
	orphaned := func(o *Observation) { o.Member.Annotations = map[string]string{usherv1.OrphanAnnotation: "true"} }
	for _, tt := range []struct {
		name       string
		edits      []edit
		reason     string // of DeletionBlocked; empty if it is not
		message    string
		reassigned string
		forget     bool
	}{
		{name: "no successor is named", reason: "OwnsResources", message: "Still owns 3 (Deal a, Deal b, Deal c); set spec.reassignTo"},
		{
			name: "no member has that name", edits: []edit{reassignTo("bob"), func(o *Observation) { o.Successor = nil }},
			reason: "ReassignToNotActive", message: "no Member bob",
		},
		{
			name: "itself", edits: []edit{reassignTo("ada", func(m *usherv1.Member) { m.UID = adaUID })}, reason: "ReassignToNotActive",
			message: "itself",
		},
		{
			name: "of another account", edits: []edit{reassignTo("bob", func(m *usherv1.Member) { m.Spec.AccountRef.Name = "globex" })},
			reason: "ReassignToNotActive", message: "another account",
		},
		{
			name: "Pending", edits: []edit{reassignTo("bob", func(m *usherv1.Member) { m.Status.State = usherv1.ObservedPending })},
			reason: "ReassignToNotActive", message: "not Active",
		},
		{
			name: "being deleted", edits: []edit{reassignTo("bob", func(m *usherv1.Member) { m.DeletionTimestamp = later(0) })},
			reason: "ReassignToNotActive", message: "not Active",
		},
		{name: "an Active member is named", edits: []edit{reassignTo("bob")}, reassigned: "bob"},
		{name: "it owns nothing", edits: []edit{reassignTo("bob"), func(o *Observation) { o.OwnedObjects = OwnedObjects{} }}, forget: true},
		{name: "the Member has the orphan annotation", edits: []edit{orphaned}, forget: true},
		{name: "the account does not exist", edits: []edit{noAccount}, forget: true},
		{name: "the account is being deleted", edits: []edit{func(o *Observation) { o.Account.DeletionTimestamp = later(0) }}, forget: true},
		{name: "no plan", edits: []edit{func(o *Observation) { o.Account.Spec.PlanRef = nil }}, forget: true},
		{
			name: "the owned objects cannot be listed",
			edits: []edit{reassignTo("bob"), func(o *Observation) {
				o.OwnedObjects = OwnedObjects{Reason: "KindNotFound", Problem: "No such kind"}
			}},
			reason: "KindNotFound", message: "No such kind; or let it go without: kubectl annotate member ada -n acme usher.dev/orphan=true",
		},
		{name: "the owned objects are not listed yet", edits: []edit{was(usherv1.ObservedActive), func(o *Observation) { o.OwnedObjects = OwnedObjects{} }}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			d := Decide(leaving(tt.edits...), now)
			blocked := meta.FindStatusCondition(d.Status.Conditions, usherv1.ConditionDeletionBlocked)
			if tt.reason == "" {
				g.Expect(blocked).To(BeNil())
				expectState(g, d.Status, "Disabled", "Deleting", reconciling)
			} else {
				g.Expect(blocked.Reason).To(Equal(tt.reason))
				g.Expect(blocked.Message).To(ContainSubstring(tt.message))
				expectState(g, d.Status, "Disabled", "DeletionBlocked", stalled)
			}
			g.Expect(d.ReassignOwned).To(Equal(tt.reassigned))
			g.Expect(d.Forget).To(Equal(tt.forget))
			for _, s := range d.Status.Seats {
				g.Expect(s.Held()).To(BeFalse(), "the seat is given back at once")
			}
		})
	}
}

func TestDeletionBlockedNamesTwentyOwnedObjects(t *testing.T) {
	e := OwnedObjects{Count: 4321}
	for i := range MaxNamed {
		e.Names = append(e.Names, fmt.Sprint("Deal ", i))
	}
	NewWithT(t).Expect(e.String()).To(And(HavePrefix("Still owns 4321 (Deal 0, "), HaveSuffix("Deal 19 and 4301 more)")))
}

func TestDeletedMemberKeepsItsRole(t *testing.T) {
	onTerms := &usherv1.Plan{Spec: usherv1.PlanSpec{
		Roles:       []usherv1.PlanRole{{Name: "guest"}, {Name: "seller"}, {Name: "admin"}},
		DefaultRole: "seller", OwnerRole: "admin", InvitedRole: "guest",
	}}
	for _, tt := range []struct {
		had, want string
	}{
		{had: "admin", want: "admin"},
		{had: "", want: "guest"}, // deleted before it was first reconciled
	} {
		o := leaving(func(o *Observation) { o.Plan, o.Member.Status.Role = onTerms, tt.had })
		d := Decide(o, now)
		g := NewWithT(t)
		g.Expect(d.Status.Role).To(Equal(tt.want), "the role in status, not the one of a member that has not accepted")
	}
}
