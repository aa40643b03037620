// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package shard decides which replica of the manager reconciles which namespace.
//
// A Division is a set of replicas that share all namespaces. The owner of a namespace follows from the division alone, by rendezvous
// hashing: each replica has a score for the namespace, and the highest score wins. So a replica that joins takes only what becomes its
// own, and one that leaves gives only what was its own.
//
// Replicas do not hear of each other at the same moment, so they may have different divisions for a while. Each one publishes the division
// that it acts by. These rules keep two replicas from acting on one namespace at once:
//
//  1. A replica acts on a namespace only if that is its own in the division that it wants and in the one that it has published.
//  2. It publishes another division only after it has stopped acting on what is not its own there.
//  3. It acts on a namespace only if no other live replica has published a division in which the namespace is that one's own. It reads
//     the others' divisions after it has published its own.
//
// Of two replicas, the one that publishes later reads what the other has published, so at least one of them waits (3). Live replicas that
// see each other come to the same division, in which the namespace has one owner, so the wait ends.
//
// A replica that cannot renew its Lease stops acting before the others take it for dead. If its process stands still in between, it may go
// on for a moment: then two replicas act on one namespace, as two operators without leader election may, and the ledger, the claim of a
// mail and its lease keep that safe. The rules here save work; the promises do not depend on them.
package shard
