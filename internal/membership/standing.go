// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package membership

import (
	creds "github.com/usher-dev/usher/internal/credentials"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/plan"
)

// StandingMatters reports whether it has to be found out which member of the account came first: the plan gives that one a role of its
// own, and nothing records yet whether it is this one.
func (o Observation) StandingMatters() bool {
	return o.Member.DeletionTimestamp == nil && o.terms().FirstMemberMatters() && o.recordedStanding() == plan.Junior
}

// Accepted reports whether the credentials are the Member's acceptance.
func (o Observation) Accepted() bool { return o.acceptance().Counts() }

// recordedStanding is what the credentials say, else what the Member's metadata says; Junior if neither says anything. Metadata counts
// only beside the UID of the Member that it was written for. The metadata of a deleted member can come back with a manifest that was
// copied from the cluster. A deletion is final, so that it does not count then.
func (o Observation) recordedStanding() plan.Standing {
	m := o.Member
	if o.Accepted() && o.Credentials.Standing != plan.Junior {
		return o.Credentials.Standing
	}
	if m.IsCopy(o.Account) {
		return plan.Junior
	}
	return plan.Recorded(m.Annotations)
}

// standing is what is recorded, else what was found.
func (o Observation) standing() plan.Standing {
	if recorded := o.recordedStanding(); recorded != plan.Junior {
		return recorded
	}
	return o.Standing
}

// settleStanding decides which standing is recorded, and where. The first member's is recorded as soon as it is known, so that it
// gets its role after a restore even if it never accepted; another member's once it has accepted, or if it could be taken for the
// first.
func (d *Decision) settleStanding(o Observation, accepted bool) {
	if !o.terms().FirstMemberMatters() || o.Member.DeletionTimestamp != nil {
		return
	}
	found := o.standing()
	d.Standing = o.terms().Settle(o.Member, found)
	d.RecordStanding = accepted && o.Credentials.Standing == plan.Junior && !o.Credentials.Immutable
	switch marked := plan.Recorded(o.Member.Annotations); {
	case marked == d.Standing:
	case d.Standing == plan.First, marked == plan.First, found == plan.Later && !accepted:
		d.MarkStanding = true
	}
	d.GrantsOwnerRole = o.Standing == plan.Eldest && found == plan.Eldest && d.Standing == plan.First
}

// adopt decides what has to be brought up to date of a Member that was restored from a backup.
func (d *Decision) adopt(o Observation, accepted bool) {
	m := o.Member
	if m.DeletionTimestamp != nil {
		return
	}
	if accepted {
		uid, marked := o.Credentials.MemberUID, m.UIDs()
		d.AdoptCredentials = uid != string(m.UID) && o.Account.Remembers(uid) && !o.Credentials.Immutable
		d.MarkUID = uid == string(m.UID) && len(marked) > 0 && marked[0] != uid
	}
	if o.Invitation != nil {
		uid, made := invite.MadeFor(o.Invitation)
		d.AdoptInvitation = made && uid != string(m.UID)
	}
}

// restored reports whether the Member had accepted before it was restored from a backup.
func restored(o Observation) bool {
	return o.Accepted() && creds.BeforeRestore(o.Credentials.MemberUID, o.Member)
}
