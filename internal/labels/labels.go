// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package labels defines the labels of the objects that Usher creates for an account.
package labels

import (
	"crypto/sha256"
	"encoding/hex"

	"k8s.io/apimachinery/pkg/util/validation"
)

// ManagedBy and Usher are the key and value of the label that Usher's roles and bindings have.
const (
	ManagedBy = "app.kubernetes.io/managed-by"
	Usher     = "usher"
)

const hashed = 8

// Value returns name, or, if it is too long for a label value, its beginning and a hash of the whole.
func Value(name string) string { return Shortened(name, validation.LabelValueMaxLength) }

// Shortened returns name, or, if it is longer than limit, its beginning and a hash of the whole.
func Shortened(name string, limit int) string {
	if len(name) <= limit {
		return name
	}
	return name[:limit-hashed-1] + "-" + Hash(name)
}

// Hash returns the first digits of a SHA-256 of the parts, in hexadecimal.
func Hash(parts ...string) string {
	h := sha256.New()
	for i, part := range parts {
		if i > 0 {
			h.Write([]byte{0})
		}
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil))[:hashed]
}
