// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package portal serves the links of invitations and of changes of address, and the profiles of members, over HTTP.
//
// Mail scanners open every link, so GET and HEAD write nothing: GET shows, POST acts. Every page works without JavaScript.
//
// # Packages
//
// Package portal assembles the others and listens. Each of them imports only those above it:
//
//   - web has what no page knows more about: limits, headers, client addresses, languages, the bounds of bcrypt and the even time of
//     answers.
//   - page has what all pages share: the site, the person whom a page is about, the layout, forms and notices.
//   - session keeps members signed in.
//   - invitation, emailchange and profile are pages. They do not import each other.
package portal
