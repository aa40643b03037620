// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package links gives the link of an invitation to who may have it, over HTTP:
//
//	GET /apis/usher.dev/v1alpha1/namespaces/{namespace}/invitations/{invitation}/link
//	Authorization: Bearer <token>
//
// The API server says whose the token is (TokenReview), and whether they may: the verb getlink on that Invitation
// (SubjectAccessReview). Nothing is remembered between two requests, so a right that is taken away is gone at once. The answers are
// the API server's own kind:
//
//	200  InvitationLink: the link, and until when it works
//	401  no token, or nobody's
//	403  not allowed; said before anybody looks whether there is such an invitation
//	404  there is no such invitation, or no link of it yet
//	405  another method than GET
//	410  the link is dead: answered, expired, revoked or declined
//	429  too many at once
//	503  the manager was started without --portal-url
//
// It works for every invitation, mailed or not: the right to a link is the right to answer in the invitee's place, and so a verb of
// its own that no built-in role has. Every answer but a 405 is told in the log, with who asked and never with the link.
package links
