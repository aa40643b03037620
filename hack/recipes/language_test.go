// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package recipes has tests that follow the recipes of CONTRIBUTING.md in a copy of the tree, so that they stay true.
package recipes

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// edit is one step of a recipe: in a file, every match of a pattern is replaced.
type edit struct{ file, pattern, with string }

// tag is that of Czech: it comes first in the alphabet, so that a test that expects a certain language to be the first fails.
const tag = "cs"

// language adds Czech, with the texts of en-GB in place of a translation.
var language = []edit{
	{"api/v1alpha1/common_types.go", `(validation:Enum=)(\S+\ntype Language)`, "${1}cs;$2"},
	{
		"api/v1alpha1/plan_types.go", `MaxProperties=\d+(\n.*k in \[)(.*message="keys must be languages: )`,
		"MaxProperties=99$1'cs', ${2}cs, ",
	},
	{
		"internal/message/catalogue/catalogue_test.go", `languages := map\[.*\n`,
		`$0"cs": {"Čeština", "Friday 27 November 2026, 21:05 UTC", "Tuesday 1 December 2026, 00:09 UTC"},` + "\n",
	},
	{"docs/portal.md", "Pages are available in ", "$0`cs`, "},
}

// The recipe for a language is enough: its files are the only ones to write, and the tests of all that goes through the languages pass.
func TestLanguageRecipe(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a copy of the tree")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	tree := t.TempDir()
	copyTree(t, root, tree)

	added := "internal/message/catalogue/" + tag + ".yaml"
	texts := read(t, filepath.Join(tree, "internal/message/catalogue/en-GB.yaml"))
	write(t, filepath.Join(tree, added), regexp.MustCompile(`(?m)^name: .*$`).ReplaceAllString(texts, "name: Čeština"))
	written := []string{added}
	for _, e := range language {
		file, pattern := filepath.Join(tree, e.file), regexp.MustCompile(e.pattern)
		before := read(t, file)
		if !pattern.MatchString(before) {
			t.Errorf("%s does not match %s any more", e.file, e.pattern)
		}
		write(t, file, pattern.ReplaceAllString(before, e.with))
		written = append(written, e.file)
	}
	slices.Sort(written)
	if listed := filesOfRecipe(t, root, "A language"); !slices.Equal(listed, written) {
		t.Errorf("CONTRIBUTING.md lists the files\n%q, and this test writes\n%q", listed, written)
	}
	if t.Failed() {
		return
	}

	run(t, tree, "tool", "controller-gen", "crd", "paths=./api/...", "output:crd:dir=config/crd/bases")
	for _, kind := range []string{"accounts", "invitations", "members", "plans"} {
		if !regexp.MustCompile(`(?m)- cs$|'cs'`).MatchString(read(t, filepath.Join(tree, "config/crd/bases/usher.dev_"+kind+".yaml"))) {
			t.Errorf("the CRD of %s does not have the language", kind)
		}
	}
	run(t, tree, "test", "./internal/message", "-run", "Golden", "-update")
	// The commands of the recipe, except for the tests that do not go through the languages. They are most of the time.
	run(t, tree, "test", "./internal/message/...", "./internal/plan", "./internal/portal/...", "-run",
		"Catalogue|Language|Restricted|Typography|Word|Golden|Compose|PageNames|PagesInAnother|MistakesInAProfile")
	run(t, tree, "test", "./api/...", "-ginkgo.focus", `spec\.language|restrictedMessage|of explain`)
}

// filesOfRecipe returns the files of a recipe in CONTRIBUTING.md, sorted: the first code of each item of its list. A <tag> is tag.
func filesOfRecipe(t *testing.T, root, title string) []string {
	t.Helper()
	_, section, found := strings.Cut(read(t, filepath.Join(root, "CONTRIBUTING.md")), "\n### "+title+"\n")
	if !found {
		t.Fatalf("CONTRIBUTING.md has no recipe %q", title)
	}
	section, _, _ = strings.Cut(section, "\n### ")
	var files []string
	for _, item := range regexp.MustCompile("(?m)^[0-9]+\\. `([^`]+)`").FindAllStringSubmatch(section, -1) {
		files = append(files, strings.ReplaceAll(item[1], "<tag>", tag))
	}
	slices.Sort(files)
	return files
}

// copyTree copies what the Go tools read.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case name != "." && strings.HasPrefix(entry.Name(), "."), name == "bin", name == "dist", name == "docs/images", name == "hack":
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		case !entry.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), data, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Dir = dir
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("go %s: %v; the recipe lacks a file\n%s", strings.Join(args, " "), err, out)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
