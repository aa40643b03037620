// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package shard

import (
	"cmp"
	"slices"
	"time"
)

// Replica is what a replica says of itself.
type Replica struct {
	Name string
	// Since is when it joined.
	Since time.Time
	// Most is how many replicas may share the namespaces, as far as it knows; 0 for any number.
	Most int
	// Acts is the division that it acts by.
	Acts Division
}

// Divide returns the division among the live replicas. If there are more than may share, those that joined first do, and the others stand
// by. While an update changes that number, the highest counts: all replicas must have the same.
func Divide(live []Replica) Division {
	sorted := slices.Clone(live)
	slices.SortFunc(sorted, func(a, b Replica) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Name, b.Name)) })
	most := 1
	for _, r := range sorted {
		if r.Most <= 0 {
			most = len(sorted)
		}
		most = max(most, r.Most)
	}
	var names []string
	for _, r := range sorted[:min(most, len(sorted))] {
		names = append(names, r.Name)
	}
	return Among(names...)
}

// View is what a replica knows when it asks what it may act on.
type View struct {
	Self string
	// Wanted is the division among the live replicas. Published is the one that this replica has published.
	Wanted, Published Division
	// Others are the other live replicas, as they were read after Published was.
	Others []Replica
}

// MayAct reports whether the replica may act on a namespace.
func (v View) MayAct(namespace string) bool {
	if !v.Wanted.Owns(v.Self, namespace) || !v.Published.Owns(v.Self, namespace) {
		return false
	}
	for _, other := range v.Others {
		if !other.Acts.Equal(v.Published) && other.Acts.Owns(other.Name, namespace) {
			return false
		}
	}
	return true
}

// Sighting is what was last seen of another replica's Lease, by this replica's clock: clocks of two machines are not compared.
type Sighting struct {
	// Renewed is what the Lease says about its renewal.
	Renewed string
	// At is when that was first seen.
	At time.Time
}

// See returns the sighting after the Lease was read at now.
func (s Sighting) See(renewed string, now time.Time) Sighting {
	if s.Renewed == renewed && !s.At.IsZero() && !now.Before(s.At) {
		return s
	}
	return Sighting{Renewed: renewed, At: now}
}

// Live reports whether the replica may still be acting: its Lease was seen renewed within its duration.
func (s Sighting) Live(now time.Time, duration time.Duration) bool { return now.Sub(s.At) < duration }
