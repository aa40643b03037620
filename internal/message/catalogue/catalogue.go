// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package catalogue holds everything that Usher says to people, in every language.
//
// A language is one file, <tag>.yaml, named after its BCP 47 tag. To add one, see CONTRIBUTING.md, A language.
//
// The package is pure: its data is part of the binary.
package catalogue

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

//go:embed *.yaml
var files embed.FS

var builtIn = mustLoad(files)

// Catalogue is everything that Usher says in one language.
type Catalogue struct {
	// Tag of the language. It comes from the name of the file.
	Tag usherv1.Language `json:"-"`
	// Name of the language, in that language.
	Name string `json:"name"`
	// Dir is the direction of writing, ltr or rtl.
	Dir string `json:"dir"`
	// Date defines how the language writes a moment.
	Date Date `json:"date"`
	// Restricted is what a member reads who lacks a right, unless the plan has its own text. The placeholder {owner} is the
	// address to ask.
	Restricted string `json:"restricted"`
	// MailTexts and PageTexts are the texts of mails and of the portal's pages, by key.
	MailTexts map[string]string `json:"mail"`
	PageTexts map[string]string `json:"page"`
}

// Mail returns a text of a mail with its values filled in.
func (c *Catalogue) Mail(key string, values map[string]string) (Sentence, error) {
	return c.text("mail", c.MailTexts, key, values)
}

// Page returns a text of a page with its values filled in.
func (c *Catalogue) Page(key string, values map[string]string) (Sentence, error) {
	return c.text("page", c.PageTexts, key, values)
}

func (c *Catalogue) text(section string, texts map[string]string, key string, values map[string]string) (Sentence, error) {
	text, found := texts[key]
	if !found {
		return nil, fmt.Errorf("catalogue %s has no text %q in section %q", c.Tag, key, section)
	}
	return fill(text, values), nil
}

// Set holds catalogues by language.
type Set map[usherv1.Language]*Catalogue

// All returns the catalogues of all languages. The set is the caller's; the catalogues are shared.
func All() Set { return maps.Clone(builtIn) }

// For returns the catalogue of a language. A language without a catalogue gets that of usherv1.DefaultLanguage.
func (s Set) For(language usherv1.Language) *Catalogue {
	if found, ok := s[language]; ok {
		return found
	}
	return s[usherv1.DefaultLanguage]
}

// Tags returns the languages in alphabetical order.
func (s Set) Tags() []usherv1.Language { return slices.Sorted(maps.Keys(s)) }

// mustLoad panics if a file is broken: the files are part of the binary, so every test would fail.
func mustLoad(files fs.FS) Set {
	loaded, err := load(files)
	if err != nil {
		panic(err)
	}
	return loaded
}

func load(files fs.FS) (Set, error) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list the catalogues: %w", err)
	}
	loaded := make(Set, len(names))
	for _, name := range names {
		raw, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read catalogue %s: %w", name, err)
		}
		c := &Catalogue{Tag: usherv1.Language(strings.TrimSuffix(path.Base(name), ".yaml"))}
		if err := yaml.UnmarshalStrict(raw, c); err != nil {
			return nil, fmt.Errorf("parse catalogue %s: %w", name, err)
		}
		if err := c.validate(); err != nil {
			return nil, fmt.Errorf("validate catalogue %s: %w", name, err)
		}
		loaded[c.Tag] = c
	}
	return loaded, nil
}

// validate checks what the lookups rely on. The tests check that the texts are complete.
func (c *Catalogue) validate() error {
	if c.Dir != "ltr" && c.Dir != "rtl" {
		return errors.New("dir must be ltr or rtl")
	}
	return c.Date.validate()
}
