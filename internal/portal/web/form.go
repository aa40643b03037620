// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ReadForm reads the request's body into r.PostForm. It fails with *http.MaxBytesError, or with what is wrong with the body.
func ReadForm(w http.ResponseWriter, r *http.Request) error {
	whole := r.Body
	r.Body = http.MaxBytesReader(w, whole, MaxBodyBytes)
	err := r.ParseForm()
	restartTimer(r)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		_, _ = io.CopyN(io.Discard, whole, maxDrainBytes)
	}
	return err
}

// IsLine reports whether s is what the API accepts as a line of text: UTF-8 without control characters and line breaks.
func IsLine(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	})
}
