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

// Observation is everything that a decision about a Member depends on.
type Observation struct {
	Member *usherv1.Member
	// Account of the Member; nil if it does not exist.
	Account *usherv1.Account
	// Plan that the Account names; nil if it does not exist, or if the Account names none.
	Plan *usherv1.Plan
	// Standing is the Member's place in its account, as found where StandingMatters: Eldest if no other member came before, Later if
	// others had accepted before anything was known of this one.
	Standing plan.Standing
	// Pools are the SeatPools of the Member's namespace that belong to its Account, and those in which its status has a seat.
	Pools []usherv1.SeatPool
	// Rival is another member of the account that has the address and came first (see Precedes); empty if there is none.
	Rival string
	// Holder is another member of the account that has the address in spec.email in use, where this member has accepted at another one; empty
	// if there is none.
	Holder string
	// Invitation of the Member; nil if there is none.
	Invitation *usherv1.Invitation
	// NameTaken: an Invitation of the name that the Member's would have invites another member.
	NameTaken bool
	// Withdrawn: by live reads, no binding gives the Member access any more (see access.Withdrawn).
	Withdrawn bool
	// Credentials that an acceptance made; nil if there are none.
	Credentials *Credentials
	// OwnedObjects is what the Member owns, if OwnershipMatters, and Successor the Member that spec.reassignTo names, nil if it does not
	// exist. They are looked up once the access is withdrawn.
	OwnedObjects OwnedObjects
	Successor    *usherv1.Member
}

// Credentials is what a Member's credentials Secret says.
type Credentials = creds.Credentials

// Decision is what a Member is, and what to do about it.
type Decision struct {
	// Status is the complete new status.
	Status usherv1.MemberStatus
	// DeferStatus: the status is not worth writing yet; look again at Wake.
	DeferStatus bool
	// Wake is when to look again if nothing happens before; zero for never.
	Wake time.Time
	// Withdraws: the new status takes away access or a seat because of another object or a ledger.
	Withdraws bool
	// AwaitsWithdrawal: the Member is not Active any more, and gives its seat back once Withdrawn is known.
	AwaitsWithdrawal bool
	// GrantsOwnerRole: the Member gets the role of the account's first member.
	GrantsOwnerRole bool
	// Standing is First or Later, where the account's first member has a role of its own.
	Standing plan.Standing

	// The effects that come before the status is written; all are safe to repeat.

	// DropCredentials: the credentials Secret is not an acceptance by this Member and this address, or the Member is being deleted.
	DropCredentials bool
	// MakeCredentials: the Member needs no invitation, so its credentials Secret is made for it.
	MakeCredentials bool
	// MoveCredentials: the address of a Member that needs no invitation has changed, and the credentials follow.
	MoveCredentials bool
	// RotateToken: the Member was disabled, and its credentials still have the API token that it had before.
	RotateToken bool

	// RecordStanding: the credentials do not say the Standing yet.
	RecordStanding bool
	// TakeOverCredentials: an imported Secret with a password becomes the acceptance of a Member that needs no invitation.
	TakeOverCredentials bool
	// SignAgain: the credentials are signed with a previous key.
	SignAgain bool
	// AdoptCredentials: the Member was deleted and restored, and its credentials do not say that they are the restored Member's yet.
	AdoptCredentials bool
	// MarkStanding: the Member's metadata has to say the Standing. MarkUID: it says a UID from before a restore.
	MarkStanding, MarkUID bool
	// MarkPool is the base pool that the Member's metadata has to name; empty if it need not.
	MarkPool string
	// MarkEmail: the Member's metadata has to name the address in use, status.email, or not name it any more.
	MarkEmail bool
	// AdoptInvitation: the Invitation was made before the Member was restored, and its owner reference names the UID of that time.
	AdoptInvitation bool

	// ReassignOwned is the name of the successor that gets what the Member owns; empty if nothing has to be reassigned.
	ReassignOwned string

	// The effects that come after.

	// Invite: the Member holds the seat that it needs, and its Invitation has to be made.
	Invite bool
	// Forget: the Member is being deleted, nothing is left of it, and its finalizer can go.
	Forget bool

	needsLiveReads bool
	// email is what the EmailChange condition says.
	email emailChange
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

// claim returns the number of the Member's claim in the pool's ledger; 0 if it has none.
func (o Observation) claim(pool string) int64 {
	if p := o.pool(pool); p != nil {
		return p.Status.Claims[string(o.Member.UID)]
	}
	return 0
}

// accountLives reports whether the Account exists and is not being deleted.
func (o Observation) accountLives() bool {
	return o.Account != nil && o.Account.DeletionTimestamp == nil
}

// terms returns what the account's plan says.
func (o Observation) terms() plan.Terms { return plan.For(o.Account, o.Plan) }

// choice returns the pools that the Member takes its seats from.
func (o Observation) choice() seat.Choice { return seat.Choose(o.Member, o.Pools) }
