// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package reason is the table of the reasons that Usher's conditions have. It is pure, and has no rules of its own.
//
// A reason is more than a word to read. The seat rules give no seat to a member whose invitation has expired, the invitation rules send
// mail only to a member that waits for it, and the portal tells an invitee that the account is full. Each of them reads another object's
// reason, and asks this table what it means: no other package compares the reason of another object with a constant. So a new reason is
// one constant in api/v1alpha1, one row here, and the sentence and the case that decide it.
//
// A decision takes the state, the outlook and the custody of its verdict from the row too. If the row of a reason says Released, the
// member gives its seat back and the pool does not give it another; the two cannot disagree.
//
// The rows carry the text that explains a reason to a user. The meaning of a row is the comment of its constant.
package reason
