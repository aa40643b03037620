// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package portal serves the links of invitations, of changes of address and of new passwords, and the profiles of members, over HTTP.
//
// Mail scanners open every link, so GET and HEAD write nothing: GET shows, POST acts. Every page works without JavaScript.
//
// # Packages
//
// Package portal assembles the others and listens. Each of them imports only those above it:
//
//   - web has what no page knows more about: limits, headers, client addresses, languages, the bounds of bcrypt and the even time of
//     answers.
//   - blocklist knows the passwords that strangers try first.
//   - page has what all pages share: the site, the person whom a page is about, the layout, forms and notices.
//   - session finds members by their address, and keeps them signed in.
//   - invitation, emailchange, profile and reset are pages. They do not import each other.
package portal
