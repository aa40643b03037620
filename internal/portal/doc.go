// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package portal is the page behind an invitation's link.
//
// # GET shows, POST acts
//
// Mail scanners open every link, so GET and HEAD write nothing. A POST accepts or declines. Every page works without
// JavaScript.
//
// # The order of a request
//
//  1. Limits: POSTs per client, origin, size of the body.
//  2. Live reads of the Invitation and its Member, and the token checked against them. Whatever is wrong up to here (no such
//     invitation, a forged token, a link that is not the current one, letters that no name can have) gets one page, one
//     status, one amount of work and one time, so that nobody learns which links exist.
//  3. Live reads of the Account and the credentials Secret, and [invite.Admit]: each refusal is a page of its own, with what to
//     do next and whom to ask.
//  4. For a POST: the limit per invitation, the form's checks, the password's hash, and then the commit.
//
// # The commit
//
// Creating the credentials Secret is the acceptance: of two POSTs at once the API server lets one create it. What was read
// before the create may have changed by then, so it is read once more afterwards, and an acceptance of something that was
// withdrawn in between is taken back before anybody is told of it. Declining is a status write with the resourceVersion that
// was read; where an acceptance gets in between, the acceptance counts.
package portal
