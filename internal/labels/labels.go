// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package labels defines the labels of the objects that Usher creates for an account, and the names that are made of other names.
//
// A label value has room for 63 characters and an object's name for 253, so both may have to be shortened. What is shortened cannot be read
// back: compare with the Value of a name that is known.
package labels

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// ManagedBy and Usher are the key and value of the label that Usher's roles and bindings have.
const (
	ManagedBy = "app.kubernetes.io/managed-by"
	Usher     = "usher"
)

// Digits of a hash: of what tells the objects of one account apart, and of what stands for a whole name.
const (
	hashed     = 8
	hashedName = 16
)

// Value returns the label value that stands for an object's name: the name itself or, if it is too long, its beginning and a hash of the
// whole. No object's name contains an underscore, so a shortened value is not the name of another object.
func Value(name string) string {
	if len(name) <= validation.LabelValueMaxLength {
		return name
	}
	return name[:validation.LabelValueMaxLength-hashedName-1] + "_" + digits(hashedName, name)
}

// Shortened reports whether a label value may stand for a longer name.
func Shortened(value string) bool {
	return len(value) == validation.LabelValueMaxLength && strings.Contains(value, "_")
}

// Name returns prefix and the name of another object as the name of an object or, if that is too long, its beginning and a hash of the
// whole.
// A shortened name may be that of another object: a label with Value tells which name it was made of.
func Name(prefix, name string) string {
	whole := prefix + name
	if len(whole) <= validation.DNS1123SubdomainMaxLength {
		return whole
	}
	return Cut(whole, validation.DNS1123SubdomainMaxLength-hashedName-1) + "-" + digits(hashedName, whole)
}

// Cut returns the beginning of a name, at most that long, so that it can be a part of another: it does not end in a dot or a hyphen.
func Cut(name string, limit int) string { return strings.TrimRight(name[:min(len(name), limit)], ".-") }

// Hash returns the first digits of a SHA-256 of the parts, in hexadecimal.
func Hash(parts ...string) string { return digits(hashed, parts...) }

func digits(n int, parts ...string) string {
	h := sha256.New()
	for i, part := range parts {
		if i > 0 {
			h.Write([]byte{0})
		}
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil))[:n]
}
