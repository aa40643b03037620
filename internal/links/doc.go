// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package links serves links to users who may have them, over HTTP: the link of an invitation, and the one that confirms a member's new
// address.
//
//	GET /apis/usher.dev/v1alpha1/namespaces/{namespace}/invitations/{name}/link
//	GET /apis/usher.dev/v1alpha1/namespaces/{namespace}/members/{name}/link
//	Authorization: Bearer <token>
//
// The API server says who the token belongs to (TokenReview), and whether that user has the verb getlink on the Invitation or the Member
// (SubjectAccessReview). Nothing is cached between two requests, so a right that is withdrawn is gone at once. Answers have the API
// server's format:
//
//	200  InvitationLink: the link, and until when it works
//	401  no token, or one that is not valid
//	403  not allowed; the answer does not depend on whether the object exists
//	404  there is no such object, or it has no link yet
//	405  another method than GET
//	410  the link is dead: answered, expired, revoked or declined
//	429  too many at once
//	503  the manager was started without --portal-url
//
// It works for every link, mailed or not. The right to a link is the right to answer in the person's place, so it is a verb of
// its own that no built-in role has. Every answer except a 405 is logged with the user who asked, and never with the link.
package links
