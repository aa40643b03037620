// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package access says what an account's Active members have in Kubernetes RBAC, and who is in the account's password file. It is pure:
// an Observation goes in, the roles, bindings and file that there should be come out.
//
// Per role of the plan that an Active member has there is one grant for each ClusterRole that it names, one for its rights, and one
// of the ClusterRole usher-account-admin if its members manage the account; per right that members have on top of their role, one
// grant. A grant is a RoleBinding, or several where its subjects are many: who is in one stays in it, so that a member's change
// rewrites one binding. A right is two rules of a Role; see rules.
//
// # Withdrawn before the seat is free
//
// A Member that was Active gives its seat back in a second step (package membership): first it says that it is not Active, and only
// when no binding can give it access any more it says releasedGrant. What tells that is a mark: an annotation of each binding of the
// account with the marks of those whom its writer knew to have lost their access, and left out. A password file is written and marked
// as a binding is, and all that follows is true of it, too.
//
//	(A1) A binding is written with the resourceVersion that was read, and made without subjects.
//	(A2) Whoever is added was Active by a live read that came after the read of the binding.
//	(A3) The seat is given back when, by live reads after the Member said that it is not Active, every binding of the account has its
//	     mark.
//
// A write that adds a member and arrives after the mark was written was read after it, or is refused (A1); then its live read came
// later still, and found the Member not Active (A2). A binding that is made later is without subjects, and the same holds for its
// next write. So from (A3) on no binding names the Member, with any number of operators and caches of any age, until it is Active
// again.
package access
