// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "strings"

// Key is the form that all spellings of an address share. It is what indexes, limits and tokens are made of: today the address in
// lower case.
func (e EmailAddress) Key() string { return strings.ToLower(string(e)) }

// SameAs reports whether two spellings mean one address.
func (e EmailAddress) SameAs(other EmailAddress) bool { return e.Key() == other.Key() }
