// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

func TestAdmit(t *testing.T) {
	sent := linked(usherv1.InvitationSent, expires(time.Hour))
	tests := []struct {
		name     string
		edits    []func(*Observation)
		accepted bool
		want     Refusal
	}{
		{name: "sent, before the expiry", edits: []func(*Observation){sent}},
		{name: "a nanosecond before the expiry", edits: []func(*Observation){linked(usherv1.InvitationSent, expires(time.Nanosecond))}},
		{name: "at the expiry", edits: []func(*Observation){linked(usherv1.InvitationSent, expires(0))}, want: RefusedExpired},
		{
			name: "a nanosecond after the expiry", edits: []func(*Observation){linked(usherv1.InvitationSent, expires(-time.Nanosecond))},
			want: RefusedExpired,
		},
		{
			name:  "sent, and the sender died before it recorded that",
			edits: []func(*Observation){linked(usherv1.InvitationSending, due(time.Second))},
		},
		{
			name:  "sent, and the sender did not receive the 250",
			edits: []func(*Observation){linked(usherv1.InvitationPending, failed(usherv1.ErrorTemporary, -time.Minute))},
		},
		{name: "accepted, in status", edits: []func(*Observation){linked(usherv1.InvitationAccepted, expires(time.Hour))}, want: RefusedUsed},
		{name: "accepted, not in status yet", edits: []func(*Observation){sent}, accepted: true, want: RefusedUsed},
		{name: "declined", edits: []func(*Observation){linked(usherv1.InvitationDeclined, expires(time.Hour))}, want: RefusedDeclined},
		{name: "expired, in status", edits: []func(*Observation){linked(usherv1.InvitationExpired, expires(time.Hour))}, want: RefusedExpired},
		{name: "failed", edits: []func(*Observation){linked(usherv1.InvitationFailed)}, want: RefusedExpired},
		{name: "revoked, in status", edits: []func(*Observation){linked(usherv1.InvitationRevoked, expires(time.Hour))}, want: RefusedRevoked},
		{name: "revoked, not in status yet", edits: []func(*Observation){sent, revoked}, want: RefusedRevoked},
		{name: "the member is disabled", edits: []func(*Observation){sent, memberDisabled}, want: RefusedMemberDisabled},
		{name: "the account is disabled", edits: []func(*Observation){sent, accountDisabled}, want: RefusedAccountDisabled},

		{
			name:     "accepted comes before everything else",
			edits:    []func(*Observation){linked(usherv1.InvitationSent, expires(-time.Hour)), revoked, memberDisabled, accountDisabled},
			accepted: true, want: RefusedUsed,
		},
		{
			name:  "disabled comes before revoked, because it is the cause",
			edits: []func(*Observation){linked(usherv1.InvitationRevoked), memberDisabled}, want: RefusedMemberDisabled,
		},
		{name: "another member has the address", edits: []func(*Observation){sent, duplicate}, want: RefusedRevoked},
		{
			name: "revoked comes before expired", edits: []func(*Observation){linked(usherv1.InvitationSent, expires(-time.Hour)), revoked},
			want: RefusedRevoked,
		},
		{
			name: "declined comes before expired", edits: []func(*Observation){linked(usherv1.InvitationDeclined, expires(-time.Hour))},
			want: RefusedDeclined,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := observed(tt.edits...)
			NewWithT(t).Expect(Admit(o.Invitation, o.Member, o.Account, tt.accepted, now)).To(Equal(tt.want))
		})
	}
}

func TestCurrent(t *testing.T) {
	tests := []struct {
		name  string
		edit  func(*usherv1.Invitation)
		email string
		want  bool
	}{
		{name: "the present link", want: true},
		{name: "the address in another case", email: "Ada@ACME.example", want: true},
		{name: "another address", email: "bob@acme.example"},
		{name: "a resend is requested", edit: func(i *usherv1.Invitation) { i.Spec.SendGeneration = 2 }},
		{name: "a later link of the same request", edit: func(i *usherv1.Invitation) { i.Status.LinkGeneration = 9 }, want: true},
		{name: "no link yet", edit: func(i *usherv1.Invitation) { i.Status.LinkGeneration = 0 }},
		{name: "the status was lost", edit: func(i *usherv1.Invitation) { i.Status = usherv1.InvitationStatus{} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inv := observed(linked(usherv1.InvitationSent)).Invitation
			if tt.edit != nil {
				tt.edit(inv)
			}
			if tt.email == "" {
				tt.email = ada
			}
			NewWithT(t).Expect(Current(inv, tt.email)).To(Equal(tt.want))
		})
	}
}

// duplicate makes the Member a duplicate: another member of the account has its address.
func duplicate(o *Observation) {
	o.Member.Status.Conditions = []metav1.Condition{{
		Type: usherv1.ConditionReady, Status: metav1.ConditionFalse, Reason: usherv1.ReasonDuplicateEmail,
	}}
}
