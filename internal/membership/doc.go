// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package membership decides what a Member is and what is done for it. It is pure: an Observation and now go in, a Decision
// comes out; so do an Account's totals.
//
// The first line that holds names the state:
//
//	being deleted, owns something that nobody takes   Disabled  DeletionBlocked
//	being deleted                                     Disabled  Deleting
//	spec.state: Disabled                              Disabled  DisabledBySpec
//	spec.accessUntil has passed                       Disabled  AccessEnded
//	no such Account                                   Pending   AccountNotFound
//	the Account's spec.state: Disabled                Disabled  AccountDisabled        seats are kept
//	the Account's Plan is not there                   Pending   PlanNotFound           seats are kept
//	no base SeatPool, or not clear which              Pending   SeatPoolNotFound       seats are kept
//	another member of the account has the address     Pending   DuplicateEmail
//	the plan has no such role, or right               Pending   RoleNotInPlan, RightNotInPlan  seats are kept
//	has accepted, holds a base seat                   Active    Accepted | Activated | AddOnSeatUnavailable
//	has accepted, holds none                          Pending   SeatUnavailable
//	the invitation was refused for good, expired, …   Pending   MailRejected, InvitationExpired, …Revoked, …Declined
//	the mail was accepted, the link is alive          Pending   AwaitingAcceptance
//	the pool reserves on invitation, no seat held     Pending   SeatUnavailable
//	no usable mail server                             Pending   MailNotReady
//	otherwise                                         Pending   Inviting
//
// Where a line says nothing of seats, they are kept by who is or will be Active and released by everybody else, in the same
// write that says so (package seat). Only who was Active releases in a second one: its access in Kubernetes goes first
// (package access).
//
// # Old caches
//
// What a Member loses because of another object (Account, SeatPool, Invitation, credentials, a rival for the address) it loses
// only on live reads: Decision.Withdraws tells the caller to observe again without a cache before acting.
package membership
