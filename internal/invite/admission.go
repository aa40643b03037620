// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/reason"
)

// Refusal is why a genuine link opens no form. The zero value refuses nothing.
type Refusal string

// Refusals, each with a page of its own.
const (
	Admitted               Refusal = ""
	RefusedUsed            Refusal = "Used"
	RefusedDeclined        Refusal = "Declined"
	RefusedExpired         Refusal = "Expired"
	RefusedRevoked         Refusal = "Revoked"
	RefusedMemberDisabled  Refusal = "MemberDisabled"
	RefusedAccountDisabled Refusal = "AccountDisabled"
)

// Admit decides whether a genuine link may be answered at now. The three objects must be live reads; accepted reports whether the member's
// credentials exist.
//
// A genuine link proves that its mail went out, whatever was recorded of it: states Pending and Sending are admitted too, since a sender
// may have died between the server's 250 and the record.
func Admit(inv *usherv1.Invitation, member *usherv1.Member, account *usherv1.Account, accepted bool, now time.Time) Refusal {
	switch {
	case accepted || inv.Status.State == usherv1.InvitationAccepted:
		return RefusedUsed
	case member.Spec.State == usherv1.StateDisabled || member.Spec.Ended(now):
		return RefusedMemberDisabled
	case inv.Spec.State == usherv1.InvitationRevokedWish || inv.Status.State == usherv1.InvitationRevoked || isDuplicate(member):
		return RefusedRevoked
	case account.Spec.State == usherv1.StateDisabled:
		return RefusedAccountDisabled
	case inv.Status.State == usherv1.InvitationDeclined:
		return RefusedDeclined
	case inv.Status.State == usherv1.InvitationExpired || inv.Status.State == usherv1.InvitationFailed:
		return RefusedExpired
	case inv.Status.ExpiresAt != nil && !now.Before(inv.Status.ExpiresAt.Time):
		return RefusedExpired
	}
	return Admitted
}

// AdmitChange decides whether the genuine link of a change of address may be confirmed at now. Both objects must be live reads. Like that
// of an invitation, a genuine link proves that its mail went out, whatever was recorded of it.
func AdmitChange(member *usherv1.Member, account *usherv1.Account, now time.Time) Refusal {
	c := member.Status.EmailChange
	switch {
	case member.Spec.State == usherv1.StateDisabled || member.Spec.Ended(now):
		return RefusedMemberDisabled
	case account.Spec.State == usherv1.StateDisabled:
		return RefusedAccountDisabled
	case c != nil && c.ExpiresAt != nil && !now.Before(c.ExpiresAt.Time):
		return RefusedExpired
	}
	return Admitted
}

// isDuplicate reports whether another member of the account has the member's address, and with it the right to be invited.
func isDuplicate(member *usherv1.Member) bool {
	return reason.OfMember(member).Duplicate
}

// Current reports whether the invitation's present link is the one its spec and the member's address ask for. A link that is
// not current is as good as forged: a newer one has been asked for.
func Current(inv *usherv1.Invitation, email string) bool {
	return inv.Status.LinkGeneration > 0 &&
		inv.Status.SendGeneration >= inv.Spec.SendGeneration &&
		usherv1.EmailAddress(inv.Status.Recipient).SameAs(usherv1.EmailAddress(email))
}
