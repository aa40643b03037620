// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package delivery holds the rules for delivering one message: an invitation, a reminder, or a notice. It is
// pure: every function takes what it needs, including the time, as arguments.
//
// SMTP has no idempotency key, so delivery is at least once. Three steps keep a second copy rare:
//
//  1. A sender claims the attempt: it writes the number of the attempt and the end of a lease into the object, with the
//     resourceVersion that it read. Of two senders one succeeds.
//  2. It sends the message, and extends the lease every RenewEvery while the conversation lasts. It hangs up before the lease
//     ends (Attempt.HangUp), so that no other sender takes the attempt over while it is still talking.
//  3. It records the outcome: delivered, given up, or when to try again (Conclude). If the API server is away, it keeps the outcome and
//     tries again for as long as its process lives, even after the end of the lease: the record carries the resourceVersion, and is
//     dropped if another sender has taken the attempt over.
//
// A sender that finds a claim whose lease has ended does not know whether the message went out. It sends the same message again,
// with the same Message-ID.
//
// The objects keep their attempts in different fields. An Attempt is the common view: packages invite and membership translate.
package delivery
