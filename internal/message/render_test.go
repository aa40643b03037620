// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package message

import (
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var said = regexp.MustCompile(`\.Say "([a-zA-Z]+)"`)

// Every language has the texts that templates and subjects use, and no others. The tests of package catalogue compare the
// languages with each other.
func TestCataloguesHaveTheTextsOfMails(t *testing.T) {
	used := map[string]bool{"subject": true, "reminderSubject": true}
	if err := fs.WalkDir(templateFiles, "templates", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		source, err := templateFiles.ReadFile(name)
		for _, match := range said.FindAllSubmatch(source, -1) {
			used[string(match[1])] = true
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(maps.Keys(used))
	for language, c := range catalogues {
		if got := slices.Sorted(maps.Keys(c.MailTexts)); !slices.Equal(got, want) {
			t.Errorf("%s has the texts\n%q, and mails use\n%q", language, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{"one two", "one two"},
		{strings.Repeat("abcdefgh ", 9), strings.TrimSpace(strings.Repeat("abcdefgh ", 8)) + "\nabcdefgh "},
		{"a " + long + " b", "a\n" + long + "\nb"},
		{strings.Repeat("é", 70) + " é", strings.Repeat("é", 70) + " é"},
		{strings.Repeat("é", 71) + " é", strings.Repeat("é", 71) + "\né"},
		{strings.Repeat("a", 68) + " à\u00a014\u00a0h", strings.Repeat("a", 68) + "\nà\u00a014\u00a0h"},
	} {
		if got := wrap(test.in); got != test.want {
			t.Errorf("wrap(%q) is\n%q, want\n%q", test.in, got, test.want)
		}
	}
}
