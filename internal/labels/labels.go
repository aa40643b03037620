// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package labels says how the objects that Usher makes for an account are labelled.
package labels

import (
	"crypto/sha256"
	"encoding/hex"

	"k8s.io/apimachinery/pkg/util/validation"
)

// ManagedBy and Usher are the label by which Usher's roles and bindings are found.
const (
	ManagedBy = "app.kubernetes.io/managed-by"
	Usher     = "usher"
)

const hashed = 8

// Value is name, or where it is too long for a label its beginning and a hash of the whole.
func Value(name string) string { return Shortened(name, validation.LabelValueMaxLength) }

// Shortened is name, or where it is longer than limit its beginning and a hash of the whole.
func Shortened(name string, limit int) string {
	if len(name) <= limit {
		return name
	}
	return name[:limit-hashed-1] + "-" + Hash(name)
}

// Hash is the beginning of a SHA-256 of the parts, in hexadecimal digits.
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
