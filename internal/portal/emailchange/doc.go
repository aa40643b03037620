// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package emailchange is the page behind the link that is mailed to a member's new address.
//
// # GET shows, POST acts
//
// As with invitations, GET and HEAD write nothing. A POST confirms the address.
//
// # The order of a request
//
//  1. Limits: POSTs per client, origin, size of the body.
//  2. Live reads of the Member and its credentials, and the token checked against the change of address that the Member waits for, and
//     against the link that was confirmed last. Every failure up to here gets one page, one status, one amount of work and one time.
//  3. Live reads of what belongs to the member, and the refusals: each has its own page.
//  4. For a POST: the limit per member, and the write.
//
// # The write
//
// The credentials get the new address, a new signature, and an annotation that identifies the link. The write carries the resourceVersion
// that was read; after a conflict everything is read and decided again. The password is kept: the holder of the new address is the member.
// The member controller then has status.email follow. Until it has, a second click and a reload find the annotation.
//
// No page names the former address: the link may have gone to an address that is not the member's.
package emailchange
