// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package store reads and writes Usher's objects: from the cache or from the API server, by index or by name.
//
// Every function takes the reader, so that a caller chooses between the cache and live reads. An object that does not exist is
// reported by found or a nil pointer; an error always means that the read failed, and says what was attempted.
package store
