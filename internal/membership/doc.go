// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package membership decides what a Member is and what Usher does for it. It is pure: an Observation and now go in, a Decision comes out.
// It also adds up an Account's totals.
//
// The first line that holds names the state:
//
//	being deleted, owns something, has no successor   Disabled  DeletionBlocked
//	being deleted                                     Disabled  Deleting
//	spec.state: Disabled                              Disabled  DisabledBySpec
//	spec.accessUntil has passed                       Disabled  AccessEnded
//	the Account does not exist                        Pending   AccountNotFound
//	the Account is being deleted                      Pending   AccountDeleting
//	the Account's spec.state: Disabled                Disabled  AccountDisabled        seats are kept
//	the Account's Plan does not exist                 Pending   PlanNotFound           seats are kept
//	another member of the account has the address     Pending   DuplicateEmail
//	no base SeatPool, or not clear which              Pending   SeatPoolNotFound       seats are kept
//	the plan has no such role, or right               Pending   RoleNotInPlan, RightNotInPlan  seats are kept
//	a Secret not signed by Usher is in the way    Pending   CredentialsInvalid     seats are kept
//	has not accepted, no mail can go to the address   Pending   MailRejected
//	has accepted, holds a base seat                   Active    Accepted | Activated | AddOnSeatUnavailable
//	has accepted, holds none                          Pending   SeatUnavailable
//	the invitation was refused for good, expired, …   Pending   MailRejected, InvitationExpired, …Revoked, …Declined
//	the mail was accepted, the link is alive          Pending   AwaitingAcceptance
//	the pool reserves on invitation, no seat held     Pending   SeatUnavailable
//	no usable mail server                             Pending   MailNotReady
//	otherwise                                         Pending   Inviting
//
// If a line does not mention seats, a member that is Active, or that waits to be, keeps its seats, and any other member releases them in
// the same write (package seat). A member that was Active releases them in a second write: its access in Kubernetes goes first (package
// access). What each reason means to the seats is in its row in package reason; the sentences are in verdicts.go.
//
// A SeatPool that is being deleted gives no new seat. A member that has a seat of it keeps it, and its access, until it holds one of
// another pool, or until a user allows the deletion (seat.TakesBack).
//
// # Old caches
//
// What a Member loses because of another object (Account, SeatPool, Invitation, credentials, a rival for the address) it loses only on live
// reads: Decision.NeedsLiveReads reports that the caller must observe again without a cache before it acts.
package membership
