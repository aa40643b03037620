// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"testing"

	"pgregory.net/rapid"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/plan"
)

// A Member loses something because of another object, or gets the owner role as the first member, only after live reads.
func TestNeedsLiveReads(t *testing.T) {
	tests := []struct {
		name  string
		edits []edit
		want  bool
	}{
		{name: "a new member", want: false},
		{name: "an Active member at rest", edits: []edit{active}, want: false},
		{name: "its own spec disables it", edits: []edit{active, disabled}, want: false},
		{name: "the account disables it", edits: []edit{active, accountDisabled}, want: true},
		{name: "another member has the address", edits: []edit{active, rival}, want: true},
		{name: "it is being deleted", edits: []edit{deleting}, want: true},
		{name: "credentials of an earlier member", edits: []edit{remembersUID("uid-former"), credentials(func(c *Credentials) { c.MemberUID = "uid-former" })}, want: true},
		{name: "the address is changed at once", edits: []edit{active, immediate, readdressed}, want: true},
		{name: "the address is to be confirmed", edits: []edit{active, readdressed}, want: false},
		{name: "a seat is to be given back", edits: []edit{active, was(usherv1.ObservedDisabled), disabled, notWithdrawn}, want: true},
		{name: "the first member", edits: []edit{active, onPlan(aPlan()), func(o *Observation) {
			o.Standing, o.Member.Status.Role, o.Member.Status.ActivatedAt = plan.Eldest, "", nil
		}}, want: true},
		{name: "accepted, and its standing is not recorded yet", edits: []edit{onPlan(ownersPlan()), credentials()}, want: true},
		{name: "it gets credentials, which record its standing", edits: []edit{onPlan(ownersPlan()), immediate}, want: true},
		{name: "it gets credentials where no standing matters", edits: []edit{immediate}, want: false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Decide(observed(tt.edits...), now).NeedsLiveReads(); got != tt.want {
				t.Errorf("NeedsLiveReads is %v", got)
			}
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		o := anyObservation.Draw(t, "observation")
		d := Decide(o, now)
		waits := d.AwaitsWithdrawal && o.Member.Status.State != usherv1.ObservedActive
		records := d.MarkStanding || d.RecordStanding || d.MakeCredentials && d.Standing != plan.Junior
		if want := d.Withdraws || d.GrantsOwnerRole || records || d.DropCredentials || d.MoveCredentials || o.Member.DeletionTimestamp != nil || waits; d.NeedsLiveReads() != want {
			t.Fatalf("NeedsLiveReads is %v of %+v", d.NeedsLiveReads(), d)
		}
	})
}
