// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package access decides what an account's Active members have in Kubernetes RBAC, and which members are in the account's password file.
// It is pure: an Observation goes in, the roles, bindings and file that should exist come out.
//
// For each role of the plan that an Active member has there is one grant for each ClusterRole that it names, one for its rights, and one of
// the ClusterRole usher-account-admin if its members manage the account. For each right that members have on top of their role there is one
// grant. A grant is a RoleBinding, or several if it has many subjects: a member that is in one stays in it, so that a change of one member
// rewrites one binding. A right is two rules of a Role; see Rules.
//
// # Withdrawn before the seat is free
//
// A Member that was Active gives its seat back in a second step (package membership): first it says that it is not Active, and only when no
// binding can give it access any more it says releasedGrant. What shows that is a mark: an annotation of each binding of the account with
// the marks of the members that its writer left out because it knew that they had lost their access. A password file is written and marked
// as a binding is, and all that follows is true of it, too.
//
//	(A1) A binding is written with the resourceVersion that was read, and made without subjects.
//	(A2) A member that is added was Active by a live read that came after the read of the binding.
//	(A3) The seat is given back when, by live reads after the Member said that it is not Active, every binding of the account has its
//	     mark.
//
// A write that adds a member and arrives after the mark was written was read after it, or is refused (A1); then its live read came later
// still, and found the Member not Active (A2). A binding that is made later is without subjects, and the same holds for its next write. So
// from (A3) on no binding names the Member, with any number of operators and caches of any age, until it is Active again.
package access
