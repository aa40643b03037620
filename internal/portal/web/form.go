// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ReadForm reads the request's body into r.PostForm. Its error wraps *http.MaxBytesError if the body is too large.
func ReadForm(w http.ResponseWriter, r *http.Request) error {
	whole := r.Body
	r.Body = http.MaxBytesReader(w, whole, MaxBodyBytes)
	err := r.ParseForm()
	restartTimer(r)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		_, _ = io.CopyN(io.Discard, whole, maxDrainBytes)
	}
	if err != nil {
		return fmt.Errorf("read the form: %w", err)
	}
	return nil
}

// IsLine reports whether s is what the API accepts as a line of text: UTF-8 without control characters and line breaks.
func IsLine(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	})
}
