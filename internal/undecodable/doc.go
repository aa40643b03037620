// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package undecodable keeps one object that Usher's types cannot decode from taking its whole kind away.
//
// The schemas admit only what the types decode, but an object may be older than its schema, or the schema may have been changed. A
// list or a watch that contains such an object fails as a whole, in every namespace. So a request is first made as usual, which costs
// nothing. Only if its answer cannot be decoded, it is made again with Tolerant: Transport then decodes each object on its own, and
// replaces one that cannot be decoded by what is left of it without the fields that are wrong, with a mark. In the cache and in lists
// such an object stays with what can be read of it: its name, UID, seats, and so on. But Client returns an *Error when it is read by
// its name, so that nothing is decided for it, and nothing of another object on the assumption that it does not exist. A Member keeps the
// access that it has and gains none.
//
// Registry names the objects in the log, counts them in a metric, and lists them for the readiness probe.
package undecodable
