// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	creds "github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/plan"
)

func ownersPlan() *usherv1.Plan {
	return &usherv1.Plan{ObjectMeta: metav1.ObjectMeta{Name: "pro"}, Spec: usherv1.PlanSpec{
		Roles:       []usherv1.PlanRole{{Name: "admin", AccountAdmin: ptr.To(true)}, {Name: "seller"}, {Name: "guest"}},
		DefaultRole: "seller", OwnerRole: "admin",
	}}
}

// What is recorded of a member's standing decides its role, and what is not recorded yet is.
func TestStanding(t *testing.T) {
	annotate := func(key, value string) edit {
		return func(o *Observation) { metav1.SetMetaDataAnnotation(&o.Member.ObjectMeta, key, value) }
	}
	before := annotate(usherv1.MemberUIDAnnotation, "uid-before")
	marked := func(value string) edit {
		return func(o *Observation) {
			if o.Member.Annotations[usherv1.MemberUIDAnnotation] == "" {
				annotate(usherv1.MemberUIDAnnotation, string(o.Member.UID))(o)
			}
			annotate(usherv1.FirstMemberAnnotation, value)(o)
		}
	}
	found := func(s plan.Standing) edit { return func(o *Observation) { o.Standing = s } }
	says := func(s plan.Standing) edit { return credentials(func(c *Credentials) { c.Standing = s }) }
	as := func(role string) edit { return func(o *Observation) { o.Member.Spec.Role = role } }
	tests := []struct {
		name                 string
		edits                []edit
		role                 string
		matters              bool
		record, mark, grants bool
		standing             plan.Standing
	}{
		{name: "new, and no other came before", edits: []edit{found(plan.Eldest)}, role: "admin", matters: true, mark: true, grants: true, standing: plan.First},
		{name: "new, and another came before", edits: []edit{found(plan.Junior)}, role: "seller", matters: true, standing: plan.Later},
		{name: "new, and others had accepted", edits: []edit{found(plan.Later)}, role: "seller", matters: true, mark: true, standing: plan.Later},
		{name: "marked as first, and others had accepted", edits: []edit{marked("true"), found(plan.Later)}, role: "admin", standing: plan.First},
		{name: "accepted, not recorded, and no other came before", edits: []edit{credentials(), found(plan.Eldest)}, role: "admin", matters: true, record: true, mark: true, grants: true, standing: plan.First},
		{name: "accepted, not recorded, and another came before", edits: []edit{credentials(), found(plan.Junior)}, role: "seller", matters: true, record: true, standing: plan.Later},
		{name: "accepted with a role of its own, and no other came before", edits: []edit{as("guest"), credentials(), found(plan.Eldest)}, role: "guest", matters: true, record: true, mark: true, grants: true, standing: plan.First},
		{name: "recorded as first, and others seem to be older", edits: []edit{says(plan.First), marked("true")}, role: "admin", standing: plan.First},
		{name: "recorded as first by the credentials alone", edits: []edit{says(plan.First)}, role: "admin", mark: true, standing: plan.First},
		{name: "recorded as a later one, and it seems to be the oldest", edits: []edit{says(plan.Later), found(plan.Eldest)}, role: "seller", standing: plan.Later},
		{name: "recorded as a later one, whatever its metadata says", edits: []edit{says(plan.Later), marked("true")}, role: "seller", mark: true, standing: plan.Later},
		{name: "credentials of an earlier member say nothing", edits: []edit{credentials(func(c *Credentials) { c.MemberUID, c.Standing = "uid-before", plan.First }), remembersUID("uid-before")}, role: "seller", matters: true, standing: plan.Later},
		{name: "restored, and marked as first", edits: []edit{before, marked("true")}, role: "admin", standing: plan.First},
		{name: "marked as first by hand, beside no UID", edits: []edit{annotate(usherv1.FirstMemberAnnotation, "true")}, role: "seller", matters: true, mark: true, standing: plan.Later},
		{name: "made anew from a copy of a deleted member", edits: []edit{before, marked("true"), remembersUID("uid-before")}, role: "seller", matters: true, mark: true, standing: plan.Later},
		{name: "deleted and restored with its credentials", edits: []edit{before, remembersUID("uid-before"), credentials(func(c *Credentials) { c.MemberUID, c.Standing = "uid-before", plan.First })}, role: "admin", mark: true, standing: plan.First},
		{name: "being deleted", edits: []edit{deleting, found(plan.Eldest)}, role: "seller"},
		{name: "where the first member has no other role", edits: []edit{found(plan.Eldest), func(o *Observation) { o.Plan.Spec.OwnerRole = "seller" }}, role: "seller"},
		{name: "where the plan does not exist", edits: []edit{says(plan.First), func(o *Observation) { o.Plan = nil }}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			o := observed(append([]edit{onPlan(ownersPlan())}, tt.edits...)...)
			d := Decide(o, now)
			if o.Member.DeletionTimestamp == nil {
				g.Expect(d.Status.Role).To(Equal(tt.role), "role")
			}
			g.Expect(o.StandingMatters()).To(Equal(tt.matters), "matters")
			g.Expect(d.RecordStanding).To(Equal(tt.record), "RecordStanding")
			g.Expect(d.MarkStanding).To(Equal(tt.mark), "MarkStanding")
			g.Expect(d.GrantsOwnerRole).To(Equal(tt.grants), "GrantsOwnerRole")
			g.Expect(d.Standing).To(Equal(tt.standing), "Standing")
		})
	}
}

// Once a member has accepted, and its standing is recorded, nothing that a restore loses changes its role or its rights: neither its status
// nor its UID, nor who seems to be older.
func TestRolesSurviveTheStatus(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyObservation.Draw(t, "observation")
		if o.Account == nil {
			return
		}
		onPlan(ownersPlan())(&o)
		o.Member.DeletionTimestamp = nil
		o.Member.Spec.Role = rapid.SampledFrom([]string{"", "", "guest"}).Draw(t, "role in spec")
		o.Standing = rapid.SampledFrom([]plan.Standing{plan.Eldest, plan.Junior, plan.Later}).Draw(t, "standing")
		if o.Credentials != nil && (o.Credentials.Immutable || o.Credentials.Signature == creds.Unchecked) {
			return // the standing cannot be recorded there, or the acceptance counts only while the status has it
		}
		if !o.Accepted() || o.Credentials.Email != "" && !o.Member.Spec.Email.SameAs(usherv1.EmailAddress(o.Credentials.Email)) {
			return
		}
		d := Decide(o, now)
		if d.RecordStanding {
			recorded := *o.Credentials
			recorded.Standing = d.Standing
			o.Credentials = &recorded
		}
		after := o
		after.Member, after.Account = o.Member.DeepCopy(), o.Account.DeepCopy()
		after.Member.UID, after.Member.Status = "uid-after", usherv1.MemberStatus{ObservedGeneration: -1}
		after.Member.Annotations = nil
		after.Account.Status = usherv1.AccountStatus{}
		after.Standing = rapid.SampledFrom([]plan.Standing{plan.Eldest, plan.Junior, plan.Later}).Draw(t, "standing after")
		is := Decide(after, now)
		if is.Status.Role != d.Status.Role || len(is.Status.Rights) != len(d.Status.Rights) {
			t.Fatalf("role %s and rights %v became %s and %v", d.Status.Role, d.Status.Rights, is.Status.Role, is.Status.Rights)
		}
	})
}

func TestAdopt(t *testing.T) {
	of := func(uid string) edit { return credentials(func(c *Credentials) { c.MemberUID = uid }) }
	was := func(uid string) edit {
		return func(o *Observation) {
			metav1.SetMetaDataAnnotation(&o.Member.ObjectMeta, usherv1.MemberUIDAnnotation, uid)
		}
	}
	madeFor := func(kind string, uid types.UID) edit {
		return func(o *Observation) {
			invitation(usherv1.InvitationSent)(o)
			o.Invitation.OwnerReferences = []metav1.OwnerReference{{APIVersion: "usher.dev/v1alpha1", Kind: kind, Name: "ada", UID: uid, Controller: ptr.To(true)}}
		}
	}
	tests := []struct {
		name                  string
		edits                 []edit
		accepted, drop        bool
		adopts, marks, invite bool
	}{
		{name: "nothing was restored", edits: []edit{was(adaUID), of(adaUID), madeFor("Member", adaUID)}, accepted: true},
		{name: "all was restored", edits: []edit{was("uid-before"), of("uid-before"), madeFor("Member", "uid-before")}, accepted: true, invite: true},
		{name: "deleted and restored", edits: []edit{was("uid-before"), of("uid-before"), remembersUID("uid-before")}, accepted: true, adopts: true},
		{name: "its credentials are adopted", edits: []edit{was("uid-before"), of(adaUID), remembersUID("uid-before")}, accepted: true, marks: true},
		{name: "its credentials are adopted, and it is marked", edits: []edit{was(adaUID + ",uid-before"), of(adaUID), remembersUID("uid-before")},
			accepted: true},
		{name: "restored again, by its earlier UID", edits: []edit{was("uid-2,uid-1"), of("uid-1"), remembersUID("uid-1"), remembersUID("uid-2")},
			accepted: true, adopts: true},
		{name: "deleted and made anew", edits: []edit{was(adaUID), of("uid-before"), remembersUID("uid-before")}, drop: true},
		{name: "deleted and made anew, before it is known", edits: []edit{of("uid-before"), remembersUID("uid-before")}, drop: true},
		{name: "an invitation of another tool", edits: []edit{madeFor("Team", "uid-before")}},
		{name: "being deleted", edits: []edit{deleting, was("uid-before"), of("uid-before"), madeFor("Member", "uid-before")}, drop: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := NewWithT(t)
			d := Decide(observed(tt.edits...), now)
			g.Expect(d.Status.AcceptedAt != nil).To(Equal(tt.accepted), "accepted")
			g.Expect(d.DropCredentials).To(Equal(tt.drop), "DropCredentials")
			g.Expect(d.AdoptCredentials).To(Equal(tt.adopts), "AdoptCredentials")
			g.Expect(d.MarkUID).To(Equal(tt.marks), "MarkUID")
			g.Expect(d.AdoptInvitation).To(Equal(tt.invite), "AdoptInvitation")
		})
	}
}
