// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package seat decides which member gets a seat. It is pure: what was observed goes in, the next ledger comes out.
//
// A seat is not counted, it is written down: SeatPool.status.claims maps a Member's UID to the number of its grant, and being
// in that map is the only thing that makes a seat theirs.
//
// # Rules
//
//   - Grant. Only the SeatPool reconciler adds claims, all of one pass in one PUT with the resourceVersion that it read. The number of a
//     grant is above every number that the pool ever gave, and above every number that the member ever held or gave back.
//   - Use. A Member relies on a claim g while g > releasedGrant, and records it on itself before it is invited or active.
//   - Release. A Member withdraws whatever the seat gave and, in the same write, sets releasedGrant >= g. It never goes down, and
//     it stays on record when the Member leaves the pool: it is all that tells an old copy of the ledger from the present one.
//   - Drop. The pool drops a claim g once its Member says releasedGrant >= g, or once a live read says that there is no such
//     Member. UIDs never come back.
//   - Order, when seats are short: first members that lost a seat because the ledger was wiped, then members that have accepted, by the
//     time of it, then by creation time, then by name.
//   - One address, one claim: a pool never adds a claim for an address that another claim already stands for.
//   - Deletion. A pool that is being deleted gives no new claim. Its members release theirs when they hold one of another pool, or when a
//     user allows the deletion (TakesBack); until then the pool stays, and says so.
//
// # Why it cannot be oversold
//
// Let L1, L2, … be the revisions of one ledger.
//
//	(I1) Each Ln holds no more claims than the capacity, or no more than Ln-1: the API server checks every write (a CEL rule
//	     at the root of SeatPool).
//	(I2) Ln+1 is computed from Ln: the PUT carries Ln's resourceVersion, or it is refused.
//	(I3) "Active with grant g" is written only after a ledger with that claim was read.
//	(I4) The claim g leaves the ledger only after its Member recorded releasedGrant >= g. From then on "Active with g" is
//	     refused: by the resourceVersion where the writer's Member is old, by the CEL rule on Member (an Active member's grant
//	     is above its releasedGrant, which never goes down) where the Member was read again but the ledger is old.
//
// releasedGrant only grows, so every old view of a Member errs towards keeping its claim. So at every revision the Active members are a
// subset of the claims, for any number of writers with caches of any age. Leader election only saves work.
//
// # Where the capacity comes from
//
// It depends on other objects: the account, its plan, and the account's other pools (package plan). None of the four steps mentions them:
// the capacity is part of the ledger's own status, and (I1) checks each ledger against the capacity in the same PUT. The capacity itself
// grows only by what live reads say, so an old copy of a plan never makes seats. It may stay too high until a cache has seen a plan that
// includes or sells less, as if that change had come later. It falls without evicting a member.
//
// What this does not cover: a user who wipes a Member's status by hand between its release and the drop, or who removes Usher's finalizer
// from a SeatPool, removes what the proof stands on. Both cases correct themselves.
package seat
