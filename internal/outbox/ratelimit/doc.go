// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pace says when a mail's turn is: a server gets no more mails a minute than its Secret's rateLimit, and nobody is sent
// more than delivery.MailsPerRecipient within delivery.RecipientWindow, whatever raises sendGeneration, makes Members anew or has
// several accounts.
//
// It blocks nobody. A mail is let go or is told until when to wait; the wait is written into the Invitation's status, before
// anything else is, and the mail asks again then.
//
// # Turns
//
// Turns of a server are given out as places in time, one interval apart, so that a queue does not have to ask again and again. A
// mail that does not come for its place in time has lost it. Places are given out for no more than turnsAhead: who comes later
// asks again, so that a Secret with another limit, or a queue that has been deleted, holds nobody up for longer than that.
//
// # What it remembers
//
// All of it is in memory, and bounded: of recipients it keeps a fixed number of slots by a hash of their addresses, so that two
// may share one, which makes one of them wait at the worst. A manager that starts takes the last mail to each Invitation from its
// status (Recall), and an Invitation that was told to wait still does; earlier mails of the same Invitation, and those of deleted
// ones, it does not know of, and the turns of a server begin anew.
package ratelimit
