// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package compact makes informers that keep the objects of their cache encoded, in a fraction of the memory.
//
// A Go value of a Kubernetes kind takes a few kilobytes, however little it says: a struct has room for every optional field, a map for
// eight entries, and each string is an allocation of its own. So the store of an Informer holds each object as one string without the
// fields that are empty. A string that many objects have in common, such as the reason of a condition, is a number in it, which a
// dictionary explains; one that an object has several times, such as its UID, is written once. Nothing is left out: what is decoded
// equals what was encoded, so that readers may compare it with what they are about to write.
//
// An object is decoded when it is read. The value is kept, and shared by all readers, until no one has read it for a while: a list of all
// members of an account that are just being invited decodes none of them. As always with an informer, readers must not change it.
//
// An index with a set of keys for each value would take more memory than the objects if nearly every object has a value of its own. So
// such an index has buckets of values instead, and a look-up goes through the objects of one bucket.
package compact
