// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"crypto/hkdf"
	"crypto/sha256"
)

// Derive returns keys of KeyLength bytes for another purpose than links, one from the current key and one from the previous,
// which is nil where there is none (HKDF with SHA-256, RFC 5869). A label names the purpose; keys of different labels tell
// nothing about each other, nor about those that they come from.
func (k Keyring) Derive(label string) (current, previous []byte, err error) {
	if current, err = hkdf.Key(sha256.New, k.current, nil, label, KeyLength); err != nil || k.previous == nil {
		return current, nil, err
	}
	previous, err = hkdf.Key(sha256.New, k.previous, nil, label, KeyLength)
	return current, previous, err
}
