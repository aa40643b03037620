// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package shard

import (
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// Division is a set of replicas that share all namespaces. In the zero value, no namespace has an owner.
type Division struct {
	// replicas are their names, sorted.
	replicas []string
}

// Among returns the division among replicas.
func Among(replicas ...string) Division {
	sorted := slices.Clone(replicas)
	slices.Sort(sorted)
	return Division{replicas: slices.Compact(sorted)}
}

// Parse returns the division that String has written.
func Parse(text string) Division {
	return Among(strings.FieldsFunc(text, func(r rune) bool { return r == ',' })...)
}

// String returns the names of the replicas, separated by commas: no name of a Kubernetes object has one.
func (d Division) String() string { return strings.Join(d.replicas, ",") }

// Equal reports whether two divisions are the same.
func (d Division) Equal(other Division) bool { return slices.Equal(d.replicas, other.replicas) }

// Has reports whether a replica has a share.
func (d Division) Has(replica string) bool {
	_, found := slices.BinarySearch(d.replicas, replica)
	return found
}

// Size returns how many replicas share the namespaces.
func (d Division) Size() int { return len(d.replicas) }

// Owner returns the replica that a namespace belongs to; empty if there are no replicas.
func (d Division) Owner(namespace string) string {
	owner, highest := "", uint64(0)
	for _, replica := range d.replicas {
		if score := scoreOf(replica, namespace); owner == "" || score > highest {
			owner, highest = replica, score
		}
	}
	return owner
}

// Owns reports whether a namespace belongs to a replica.
func (d Division) Owns(replica, namespace string) bool {
	return d.Owner(namespace) == replica && replica != ""
}

// scoreOf must be the same in all versions of Usher: during an update, old and new replicas share the namespaces. FNV-1a, which Kubernetes
// shards by, gives similar names similar hashes.
func scoreOf(replica, namespace string) uint64 { return xxhash.Sum64String(replica + "/" + namespace) }
