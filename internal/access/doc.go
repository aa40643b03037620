// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package access decides what an account's Active members have in Kubernetes RBAC, and which members are in the account's password file.
// It is pure: from an Observation it computes the roles, bindings and file that should exist.
//
// For each role of the plan that an Active member has there is one grant for each ClusterRole that it names, one for its rights, and one of
// the ClusterRole usher-account-admin if its members manage the account. For each right that members have on top of their role there is one
// grant. A grant is a RoleBinding, or several if it has many subjects: a member stays in its binding, so that a change of one member
// rewrites one binding. A right is two rules of a Role; see Rules.
//
// # Withdrawn before the seat is free
//
// A Member that was Active gives its seat back in two steps (package membership): its status first says that it is not Active, and sets
// releasedGrant only when no binding can give it access any more. Marks show when that is so: an annotation of each binding of the account
// lists the members that the writer of the binding left out because it knew that they had lost their access. A password file is written
// and marked in the same way, and everything below applies to it too.
//
//	(A1) A binding is updated with the resourceVersion that was read, and created without subjects.
//	(A2) A member is added only if a live read after the read of the binding found it Active.
//	(A3) The seat is given back when live reads after the Member's status said that it is not Active find its mark on every binding of
//	     the account.
//
// Suppose that a write adds a member and arrives after the mark was written. If the writer read the binding before that, the write is
// refused (A1). If it read the binding later, its live read of the Member came later still and found the Member not Active (A2). A binding
// that is created later has no subjects, and the same applies to its next write. So from (A3) on, no binding names the Member until it is
// Active again, with any number of operators and caches of any age.
package access
