// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package outbox sends mails: invitations, reminders and notices that access expires. Package delivery has the rules.
//
// Send makes one attempt at one Mail, in this order:
//
//  1. slot: one of a few concurrent conversations with the endpoint. It comes first, so that a mail that waits for a slow server
//     costs no reads. A mail that finds no slot free is reconciled again when one is.
//  2. decide: the controller reads live and decides again whether the mail is still to be sent.
//  3. rate limit: of the endpoint, and of the recipient. A mail that has to wait is told until when.
//  4. claim: the object's status, with the resourceVersion that was read. Of two senders one gets it.
//  5. send, while the lease is extended.
//  6. record: the outcome, on top of whatever was written to the object in between, as long as the attempt is still the present one.
//
// A controller says what its mail is by implementing Mail.
package outbox
