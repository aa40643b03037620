// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

// errCharacters is the error of a password with characters that it cannot have.
var errCharacters = errors.New("the password has characters that no password can have")

// Opaque returns a password in the form in which it is hashed, which is the same on every keyboard: Normalization Form C, and a space for
// every kind of space (OpaqueString, RFC 8265 section 4.2). A form has itself as its form. It is an error if the password is empty, or has
// characters that the profile does not allow, such as control characters and other invisible ones.
func Opaque(typed string) (string, error) {
	form, err := precis.OpaqueString.String(typed)
	if err != nil || !utf8.ValidString(typed) {
		return "", errCharacters
	}
	return form, nil
}

// formsOf returns the forms in which a password may have been hashed: its opaque form and, if that is different, the one that was typed,
// which is what was hashed before passwords had an opaque form.
func formsOf(typed string) []string {
	form, err := Opaque(typed)
	if err != nil || form == typed {
		return []string{typed}
	}
	return []string{form, typed}
}
