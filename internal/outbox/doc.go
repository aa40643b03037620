// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package outbox sends mails: invitations, reminders, notices that access expires, and mails about changes of addresses and passwords.
// Package delivery has the rules.
//
// Send makes one attempt at one Mail, in this order:
//
//  1. acquire a slot: one of a few concurrent conversations, which endpoints and namespaces share fairly. This comes first, so that a
//     mail that waits for a slow server costs no reads. A mail that finds no free slot is reconciled again when it is its turn.
//  2. decide: the controller reads live and decides again whether the mail is still due.
//  3. ask the endpoint's guards: while the endpoint is in trouble or refuses every mail, no attempt is claimed but for one mail at a time
//     that has its turn; see package breaker.
//  4. reserve: ask the rate limits of the endpoint and of the recipient. A mail that has to wait learns until when.
//  5. claim: write the attempt to the object, with the resourceVersion that was read. Of two senders, one succeeds.
//  6. send, and extend the lease meanwhile.
//  7. record the outcome, on top of what others have written to the object in between, unless the attempt is no longer the current one.
//     If that fails, Settle does it later, before anything else is done for the object.
//
// A controller describes its mail by implementing Mail.
package outbox
