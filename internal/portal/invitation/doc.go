// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package invitation is the page behind an invitation's link.
//
// # GET shows, POST acts
//
// Mail scanners open every link, so GET and HEAD write nothing. A POST accepts or declines. Every page works without
// JavaScript.
//
// # The order of a request
//
//  1. Limits: POSTs per client, origin, size of the body.
//  2. Live reads of the Invitation and its Member, and the token checked against them. Every failure up to here (no such
//     invitation, a forged token, a link that is not the current one, characters that no name can have) gets one page, one
//     status, one amount of work and one time, so that no one learns which links exist.
//     What mail programs add to a link is taken off its path before; a genuine link is then redirected to its own address.
//  3. Live reads of the Account and the credentials Secret, and [invite.Admit]: each refusal has its own page, which says what to
//     do next and who can help.
//  4. For a POST: the limit per invitation, the form's checks, the password's hash, and then the commit.
//
// # The commit
//
// Creating the credentials Secret is the acceptance: of two POSTs at once the API server lets one create it. What was read
// before the create may have changed by then, so it is read once more afterwards, and an acceptance of something that was
// withdrawn in between is taken back before the visitor sees it. Declining is a status write with the resourceVersion that
// was read; if an acceptance comes in between, the acceptance counts.
//
// # The second click
//
// A browser whose button is pressed twice sends two POSTs and shows the answer to the second. An acceptance with the very password that
// was accepted, and a declination of what was declined, therefore get the answer of the first, however late and whichever was quicker.
// Nothing is written. An acceptance with another password is told that the invitation was used.
package invitation
