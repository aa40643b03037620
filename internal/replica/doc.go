// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package replica lets the replicas of the manager find each other and share the namespaces, by the rules of package shard.
//
// Each replica has a Lease of its own, which it renews, and which says the division that the replica acts by. A Roster writes this Lease
// and reads those of the others. A Gate lets a reconcile begin if the replica may act on its namespace, and counts those under way.
package replica
