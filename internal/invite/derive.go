// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// Derive returns keys of KeyLength bytes for another purpose than links: one from the current key and, after it, one from each previous
// key (HKDF with SHA-256, RFC 5869). A label names the purpose; keys of different labels tell nothing about each other, nor about those
// that they come from.
func (k Keyring) Derive(label string) ([][]byte, error) {
	derived := make([][]byte, 0, len(k.keys))
	for _, key := range k.keys {
		next, err := derive(key, label)
		if err != nil {
			return nil, err
		}
		derived = append(derived, next)
	}
	return derived, nil
}

func derive(key []byte, label string) ([]byte, error) {
	derived, err := hkdf.Key(sha256.New, key, nil, label, KeyLength)
	if err != nil {
		return nil, fmt.Errorf("derive a key for %s: %w", label, err)
	}
	return derived, nil
}
