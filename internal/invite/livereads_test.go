// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"testing"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// A decision that ends a link or creates another needs live reads, unless it sends a mail: the sender makes live reads anyway.
func TestNeedsLiveReads(t *testing.T) {
	before := usherv1.InvitationStatus{State: usherv1.InvitationSent, LinkGeneration: 2}
	tests := []struct {
		name string
		plan Plan
		want bool
	}{
		{name: "nothing changes", plan: Plan{Status: before}},
		{name: "only the conditions change", plan: Plan{Status: usherv1.InvitationStatus{State: usherv1.InvitationSent, LinkGeneration: 2, ObservedGeneration: 3}}},
		{name: "the link ends", plan: Plan{Status: usherv1.InvitationStatus{State: usherv1.InvitationExpired, LinkGeneration: 2}}, want: true},
		{name: "another link", plan: Plan{Status: usherv1.InvitationStatus{State: usherv1.InvitationSent, LinkGeneration: 3}}, want: true},
		{name: "a mail", plan: Plan{Send: true, Status: usherv1.InvitationStatus{State: usherv1.InvitationSending, LinkGeneration: 3}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.plan.before = before
			if got := tt.plan.NeedsLiveReads(); got != tt.want {
				t.Errorf("NeedsLiveReads is %v", got)
			}
		})
	}
}
