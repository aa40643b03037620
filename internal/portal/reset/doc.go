// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package reset is the page where members who have forgotten their password request a link, and the page behind the link.
//
// # The request
//
// The answer is the same for every address, and comes at the same time: what is looked up and written does not hold it up. For a member who
// can sign in, the request is written into the metadata of the credentials, and the controller passwordreset mails the link; the portal
// sends no mail and reads no mail server's Secret. Each membership of an address gets a mail of its own, through the server of its account:
// no company is told of another.
//
// # The link
//
// As with invitations, GET and HEAD write nothing: a mail scanner does not use a link up. The link is an HMAC over the member's UID,
// address and present password hash, and over its end. A POST writes another hash, with the resourceVersion that was read, so that the
// link works once. All sessions end. The member is not signed in: someone who reads the mailbox does not get a session with it, and the
// member learns at the next sign-in that the password is another one, and by mail.
package reset
