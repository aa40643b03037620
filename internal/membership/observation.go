// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	creds "github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/plan"
	"github.com/usher-dev/usher/internal/seat"
)

// Observation is all that a decision about a Member depends on.
type Observation struct {
	Member *usherv1.Member
	// Account of the Member; nil if it is not there.
	Account *usherv1.Account
	// Plan that the Account names; nil if it is not there, or none is named.
	Plan *usherv1.Plan
	// FirstMember: the account has no older member (see plan.CameBefore). It is only looked up where that matters.
	FirstMember bool
	// Pools are the SeatPools of the Member's namespace that belong to its Account, and those in which its status has a seat.
	Pools []usherv1.SeatPool
	// Rival is another member of the account that has the address and came first (see Precedes); empty if there is none.
	Rival string
	// Invitation that the Member is asked with; nil if there is none.
	Invitation *usherv1.Invitation
	// NameTaken: the Invitation that would be made has a namesake that invites somebody else.
	NameTaken bool
	// Withdrawn: by live reads, no binding gives the Member access any more (see access.Withdrawn).
	Withdrawn bool
	// Credentials that an acceptance made; nil if there are none.
	Credentials *Credentials
	// OwnedObjects is what a Member whose OwnershipMatters owns, and Successor the Member that spec.reassignTo names, nil if it is not there. They are
	// looked up once the access is withdrawn.
	OwnedObjects OwnedObjects
	Successor    *usherv1.Member
}

// Credentials is what a Member's credentials Secret says.
type Credentials = creds.Credentials

// Decision is what a Member is, and what is to be done about it.
type Decision struct {
	// Status is the complete new status.
	Status usherv1.MemberStatus
	// DeferStatus: nothing is worth saying yet; look again at Wake.
	DeferStatus bool
	// Wake is when to look again if nothing happens before; zero for never.
	Wake time.Time
	// Withdraws: the new status takes away access or a seat because of another object, or on the word of a ledger.
	Withdraws bool
	// AwaitsWithdrawal: the Member is not Active any more, and gives its seat back once Withdrawn is known.
	AwaitsWithdrawal bool
	// GrantsOwnerRole: the Member gets the role of the account's first member.
	GrantsOwnerRole bool

	// The effects that come before the status is written; all are safe to repeat.

	// DropCredentials: the credentials Secret is not an acceptance by this Member and this address, or the Member is going.
	DropCredentials bool
	// MakeCredentials: the Member needs no invitation, so its credentials Secret is made for it.
	MakeCredentials bool
	// MoveCredentials: the Member's address changed after it accepted, and the credentials are to say so.
	MoveCredentials bool
	// RotateToken: the Member was disabled, and its credentials still have the API token that it had before.
	RotateToken bool

	// ReassignOwned: what the Member owns is to be given to its successor. Empty for nothing, else the successor's name.
	ReassignOwned string

	// The effects that come after.

	// Invite: the Member holds the seat that it needs, and its Invitation is to be made.
	Invite bool
	// Forget: the Member is going, nothing is left of it, and it may be let go.
	Forget bool

	needsLiveReads bool
}

// NeedsLiveReads reports whether the decision must be made again on live reads before anything is done about it: it takes something
// away, gives the role of the account's first member, or gives a seat back, and an old cache could be wrong about that.
func (d Decision) NeedsLiveReads() bool { return d.needsLiveReads }

func (o Observation) pool(name string) *usherv1.SeatPool {
	for i := range o.Pools {
		if o.Pools[i].Name == name {
			return &o.Pools[i]
		}
	}
	return nil
}

// claim is the number of the Member's claim in the pool's ledger; 0 if it has none.
func (o Observation) claim(pool string) int64 {
	if p := o.pool(pool); p != nil {
		return p.Status.Claims[string(o.Member.UID)]
	}
	return 0
}

// terms are what the account's plan says.
func (o Observation) terms() plan.Terms { return plan.For(o.Account, o.Plan) }

// choice is which pools the Member takes its seats from.
func (o Observation) choice() seat.Choice { return seat.Choose(o.Member, o.Pools) }
