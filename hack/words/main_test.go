// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"testing/fstest"
)

// Each planted word is found where it stands, and what may stay is not.
func TestCheck(t *testing.T) {
	tests := map[string]struct {
		file, source string
		want         []string
	}{
		"a comment":        {"a.go", "package a\n\n// Open tells whether it is open.\nfunc Open() {}\n", []string{`a.go:3: "tells whether": write "reports whether"`}},
		"a later line":     {"a.go", "package a\n\n/* One.\nNobody else. */\n", []string{`a.go:4: "Nobody": write "no one"`}},
		"a string":         {"a.go", "package a\n\nvar s = \"ask somebody\"\n", []string{`a.go:3: "somebody": write "someone"`}},
		"a name":           {"a.go", "package a\n\nfunc theHeir() {}\n", []string{`a.go:3: "Heir": write "successor"`}},
		"a name of two":    {"a.go", "package a\n\nvar HandsOut bool\n", []string{`a.go:3: "Hands Out": write "deliver by link"`}},
		"English in names": {"a.go", "package a\n\nfunc nobody() {}\n", nil},
		"part of a word":   {"a.go", "package a\n\n// theirs, inheritance, frontier, bookkeeper, online\nvar heirloom int\n", nil},
		"Markdown":         {"docs/a.md", "# A\n\nWhoever reads it.\n", []string{`docs/a.md:3: "Whoever": write "the member who"`}},
		"a YAML comment":   {"a.yaml", "# somebody\na: 1 # nobody\nnobody: 2\n", []string{`a.yaml:1: "somebody"`, `a.yaml:2: "nobody"`}},
		"a YAML value":     {"a.yaml", "a: nobody\nb: \"x#somebody\"\n", nil},
		"a moved package":  {"a.md", "see internal/guard.\n", []string{`a.md:1: "internal/guard": write internal/admission`}},
		"a decision":       {"hack/decisions/0001-a.md", "nobody\n", nil},
		"a translation":    {"internal/message/catalogue/en-GB.yaml", "# nobody\n", nil},
		"an address":       {"a.md", "nobody@example.com\n", nil},
		"test data":        {"internal/a/testdata/a.md", "nobody\n", nil},
		"what is built":    {"dist/a.md", "nobody\n", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			n, err := check(fstest.MapFS{test.file: {Data: []byte(test.source)}}, ".", &out)
			if err != nil {
				t.Fatal(err)
			}
			if n != len(test.want) {
				t.Errorf("found %d, want %d:\n%s", n, len(test.want), &out)
			}
			for i, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
				if i < len(test.want) && !strings.HasPrefix(line, test.want[i]) {
					t.Errorf("says\n%s\nwant\n%s", line, test.want[i])
				}
			}
		})
	}
}

// Every entry of the list says what to write instead, and every place where a word may stay says why.
func TestList(t *testing.T) {
	for _, w := range words {
		if w.instead == "" {
			t.Errorf("%q has no replacement", w.pattern)
		}
	}
	for _, a := range allowList {
		if a.reason == "" || a.file == "" && a.text == "" {
			t.Errorf("%+v covers everything or has no reason", a)
		}
	}
}
