// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
)

// What a run writes, relative to the root of the module.
const (
	Document = "docs/performance.md"
	Picture  = "docs/images/performance.svg"
)

// The markers in the document; what is between them is replaced.
const (
	beginMarker = "<!-- make bench: begin -->"
	endMarker   = "<!-- make bench: end -->"
)

// Write writes the report into the document, and the picture if there is one.
func (r *Report) Write() error {
	root, err := apiserver.ModuleRoot()
	if err != nil {
		return err
	}
	path := filepath.Join(root, Document)
	before, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := r.Markdown(&text); err != nil {
		return err
	}
	svg, drawn := r.Picture()
	if drawn {
		fmt.Fprintf(&text, "\n![Time and heap against the number of members](%s)\n", strings.TrimPrefix(Picture, "docs/"))
		if err := os.WriteFile(filepath.Join(root, Picture), []byte(svg), 0o644); err != nil {
			return err
		}
	}
	after, err := between(string(before), text.String())
	if err != nil {
		return fmt.Errorf("%s: %w", Document, err)
	}
	return os.WriteFile(path, []byte(after), 0o644)
}

// between replaces what is between the markers.
func between(document, text string) (string, error) {
	begin, end := strings.Index(document, beginMarker), strings.Index(document, endMarker)
	if begin < 0 || end < begin {
		return "", errors.New("it does not have " + beginMarker + " and, after it, " + endMarker)
	}
	return document[:begin+len(beginMarker)] + "\n\n" + strings.TrimSpace(text) + "\n\n" + document[end:], nil
}
